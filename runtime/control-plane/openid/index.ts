export { fetchDocument } from './fetch';
export { Issuers, jwksUriIn, type FetchDocument, type IssuersDependencies } from './issuers';
