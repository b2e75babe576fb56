/** Where keys are kept: sessionStorage, localStorage, memoryStorage(), or one of your own. */
export interface KeyStorage {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

export interface Attempt {
  method: string;
  url: string;
  key?: string;
  /** The body as it was sent. */
  text?: string;
  /** From 1. */
  number: number;
  /** 0: no whole answer. */
  status: number;
  replayed: boolean;
  error?: unknown;
}

export interface Options {
  /** What is bought: a basket's number, say. One purchase has one name, however often it is tried. */
  name: string;
  /** Where it is sent to, by POST; in a page it may be relative. */
  url: string;
  /** Headers of each request, Authorization say. When a function fails before the first one, submit() rejects with its error. */
  headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>);
  /** Default: in a page its sessionStorage, which survives reloads; where that is blocked, and outside of pages, memory. */
  storage?: KeyStorage;
  /** Where keys are looked up and given up (…/v1/idempotency-keys). With it, a body that changes gives up on the one before. */
  keysUrl?: string;
  fetch?: typeof globalThis.fetch;
  /** Prefer: wait, in whole seconds; default 10. */
  wait?: number;
  /** Of one attempt, in ms; default 30,000. */
  timeout?: number;
  /** At most; default 10. */
  attempts?: number;
  /** For all attempts and pauses, in ms; default 120,000. */
  elapsed?: number;
  /** Upper end of the first pause, which doubles, in ms; default 200. */
  pause?: number;
  /** Upper end of all pauses, Retry-After aside, in ms; default 5,000. */
  maxPause?: number;
  /** Sees each attempt. What it throws is logged and changes nothing. */
  onAttempt?: (attempt: Attempt) => void;
}

export interface Answer<T> {
  /** 2xx; 202 says that the provider's word is not known yet: follow() it. */
  status: number;
  body: T;
  replayed: boolean;
  location: string | null;
  key: string;
}

export interface ProblemDocument {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  instance?: string;
  code?: string;
  retryable?: boolean;
  safe_new_key?: boolean;
  links?: { rel: string; href: string }[];
  errors?: { pointer: string; code: string; detail: string }[];
  payment_id?: string;
  decline_code?: string;
  [member: string]: unknown;
}

export interface Canceled {
  key: string;
  state: string;
  effect: string;
  resource: { type: string; id: string; href: string } | null;
  canceled_at: string | null;
}

export class Problem extends Error {
  /** `retryAfter` in ms. */
  constructor(status: number, document: ProblemDocument, retryAfter?: number);
  readonly status: number;
  /** Empty when the refusal was not payonce's own. */
  readonly code: string;
  readonly retryable: boolean;
  readonly safeNewKey: boolean;
  readonly document: ProblemDocument;
  /** In ms; 0: none was given. */
  readonly retryAfter: number;
}

export class UnknownOutcome extends Error {
  constructor(key: string | undefined, attempts: number, cause?: unknown);
  readonly key: string | undefined;
  readonly attempts: number;
}

export class OtherRequest extends Error {
  constructor(pending: unknown);
  readonly pending: unknown;
}

export function memoryStorage(): KeyStorage;

export class CheckoutAttempt<Body = unknown, T = Record<string, unknown>> {
  constructor(options: Options);
  readonly key: string | null;
  /** Null also after a refusal for which the key was not looked up (401, 413, say): a corrected body gets the same key. */
  readonly pending: Body | null;
  /** Rejects with Problem, UnknownOutcome, OtherRequest, or a TypeError for what can't be sent. */
  submit(body: Body, options?: { signal?: AbortSignal }): Promise<Answer<T>>;
  resume(options?: { signal?: AbortSignal }): Promise<Answer<T> | null>;
  finish(): void;
  /** A submit() that is on its way ends with UnknownOutcome; one that is called meanwhile waits. */
  giveUp(options?: { signal?: AbortSignal }): Promise<Canceled | null>;
  follow(answer: Answer<T>, options?: { url?: string; signal?: AbortSignal }): Promise<T>;
}
