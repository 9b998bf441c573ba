/** Which media types clients take and whether they want gzip. The API speaks JSON; other kinds of answer are 406, as in Kubernetes. */
import { ApiError } from './errors.ts';

const SPOKEN = new Set(['application/json', 'application/*', '*/*']);

/** null when JSON is welcome. An `Accept` that names nothing takes everything. */
export function notAcceptable(accept: string | undefined): ApiError | null {
  if (accept === undefined || accept.trim() === '') return null;
  const types = accept.split(',').map((one) => one.split(';')[0]!.trim().toLowerCase());
  if (types.some((type) => SPOKEN.has(type))) return null;
  return new ApiError('NotAcceptable', 'only the following media types are accepted: application/json');
}

/** Whether `Accept-Encoding` takes gzip. */
export function takesGzip(header: string | undefined): boolean {
  return (header ?? '').split(',').some((one) => {
    const [coding = '', ...parameters] = one.split(';').map((part) => part.trim().toLowerCase());
    return (coding === 'gzip' || coding === '*') && !parameters.some((part) => /^q=0(\.0*)?$/.test(part));
  });
}
