import { create, HeaderValueOption_HeaderAppendAction, HeaderValueOptionSchema, type HeaderValueOption } from '../../xds';
import type { HeaderChanges, HeaderValue } from '../model';

const { OVERWRITE_IF_EXISTS_OR_ADD, APPEND_IF_EXISTS_OR_ADD } = HeaderValueOption_HeaderAppendAction;

/** Header filters, as the four fields that routes and weighted clusters have for them. */
export function headerFields(request: HeaderChanges, response: HeaderChanges): {
  requestHeadersToAdd: HeaderValueOption[];
  requestHeadersToRemove: string[];
  responseHeadersToAdd: HeaderValueOption[];
  responseHeadersToRemove: string[];
} {
  return {
    requestHeadersToAdd: additions(request),
    requestHeadersToRemove: [...request.remove],
    responseHeadersToAdd: additions(response),
    responseHeadersToRemove: [...response.remove],
  };
}

export function changesNothing({ set, add, remove }: HeaderChanges): boolean {
  return set.length + add.length + remove.length === 0;
}

function additions({ set, add }: HeaderChanges): HeaderValueOption[] {
  return [
    ...set.map((header) => option(header, OVERWRITE_IF_EXISTS_OR_ADD)),
    ...add.map((header) => option(header, APPEND_IF_EXISTS_OR_ADD)),
  ];
}

/** A percent sign begins a command operator in xDS; here it is one. */
function option({ name, value }: HeaderValue, appendAction: HeaderValueOption_HeaderAppendAction): HeaderValueOption {
  return create(HeaderValueOptionSchema, { header: { key: name, value: value.replaceAll('%', '%%') }, appendAction });
}
