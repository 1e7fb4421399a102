import * as z from 'zod';
import { claim } from './authentication';
import { ALLOWED_PATH, GRPC_NAME } from './names';
import { exactlyOne, listSet, matching, withRules } from './schema';
import { httpMethod } from './traffic';

const path = matching(ALLOWED_PATH, 1024, 'must begin with / and have no empty segment and no query, such as /payments');
const grpcService = matching(GRPC_NAME, 256, 'must be the full name of a service, such as shop.v1.Payment');
const grpcMethod = matching(GRPC_NAME, 256, 'must be the name of a method, such as Authorize');

const claims = z.array(claim).min(1).max(8).optional().describe('What the token of the request has to say, all of it. Nothing without it.');

/** What a caller may ask for, as the called sees it. */
export const allowed = withRules(
  z.strictObject({
    http: z.strictObject({
      methods: listSet(httpMethod, 8, 1).optional().describe('Methods. Any without it.'),
      path: withRules(z.strictObject({
        exact: path.optional().describe('The whole path, without the query.'),
        prefix: path.optional().describe('How the path begins, in whole segments: /pay is /pay and /pay/1, not /payment.'),
      }), exactlyOne('exact', 'prefix')).optional().describe('The path, as it comes to the called. Any without it.'),
      claims,
    }).optional().describe('Requests of HTTP.'),
    grpc: z.strictObject({
      service: grpcService.describe('Full name of the service.'),
      methods: listSet(grpcMethod, 64, 1).optional().describe('Names of methods. Any without it.'),
      claims,
    }).optional().describe('Calls of gRPC.'),
  }),
  exactlyOne('http', 'grpc'),
);

export type AllowedSpec = z.infer<typeof allowed>;
