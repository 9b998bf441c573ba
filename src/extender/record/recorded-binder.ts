/** The binder, whose answers are written down, each under the number of its bind. */
import type { BindRequest } from '../codec/requests.ts';
import { Binder, type BinderOptions, type BindResult } from '../verbs/bind.ts';
import type { Recorder } from './recorder.ts';

export class RecordedBinder extends Binder {
  readonly #recorder: Recorder;

  constructor(options: BinderOptions, recorder: Recorder) {
    super(options);
    this.#recorder = recorder;
  }

  override async bind(request: BindRequest): Promise<BindResult> {
    const id = this.#recorder.beginBind(request);
    const result = await super.bind(request);
    this.#recorder.endBind(id, request, result);
    return result;
  }
}
