/** What a request brings: its body as JSON, whatever form it came in, and the options that stand in it. */
import { duplicateFields } from './duplicate-fields.ts';
import { ApiError, badRequest } from './errors.ts';
import { fieldValidation, reportFields } from './kind-rules.ts';
import { isObject, type JsonObject } from './object.ts';
import { fromProtobuf, PROTOBUF } from './protobuf.ts';
import type { Route } from './route.ts';
import type { ApiRequest } from './wire.ts';

const FIELD_OPTIONS: Readonly<Record<string, string>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
};

/** Throws ApiError for what cannot be read. */
export function parseBody(request: ApiRequest): unknown {
  if (request.body === null || request.body.length === 0) throw badRequest('the request has no body');
  const known = request.contentType === PROTOBUF ? fromProtobuf(request.body) : null;
  if (known !== null) return known;
  if (
    request.contentType.includes('protobuf') ||
    request.contentType.includes('yaml') ||
    request.contentType.includes('cbor')
  ) {
    throw new ApiError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: application/json`,
    );
  }
  try {
    return JSON.parse(request.body.toString());
  } catch (error) {
    throw badRequest(`the body of the request is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Of the body, and of the query where that says more. */
export function deleteOptions(route: Route, request: ApiRequest): JsonObject {
  const body = request.body === null || request.body.length === 0 ? {} : parseBody(request);
  const options = isObject(body) ? body : {};
  const grace = route.query.get('gracePeriodSeconds');
  return grace === null ? options : { ...options, gracePeriodSeconds: Number(grace) };
}

/** Looks for fields that a body names twice, where the client asked for it: the look costs as much as the parsing. */
export function checkedDuplicates(route: Route, request: ApiRequest): readonly string[] {
  const options = FIELD_OPTIONS[request.method];
  if (options === undefined || !route.query.has('fieldValidation')) return [];
  if (fieldValidation(route.query, options) === 'Ignore' || request.body === null) return [];
  if (request.contentType.includes('yaml')) return [];
  const found = duplicateFields(request.body.toString());
  if (route.resource.rules === null)
    reportFields(
      route,
      found.map((path) => `duplicate field "${path}"`),
    );
  return found;
}
