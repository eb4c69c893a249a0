// <header>
// The template of a client. `typescript.py` replaces each part from `// <name>` to `// </name>` with what it
// generates from a project's OpenAPI document; the examples there make this file valid as it stands.
// </header>

// <types>
export type Example = { id: string; title: string };

// </types>
// -- requests and responses ---------------------------------------------------------------------

type HeaderFields = RequestInit["headers"];

/** The options of a request, or of all that a client sends: those of `fetch` without `method` and `body`, and four more. */
export interface ApiOptions extends Omit<RequestInit, "method" | "body" | "headers"> {
  /** The URL of the server, such as "https://example.com"; by default the origin of the page. */
  baseUrl?: string;
  /** Header fields, or a function that makes them for each request, such as one with a new token. */
  headers?: HeaderFields | (() => HeaderFields | Promise<HeaderFields>);
  /** What sends the requests, in place of the global `fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Of server-sent events: whether to connect again, as EventSource does, when a connection ends. */
  reconnect?: boolean;
}

export interface ApiSuccess<Status extends number, Data> {
  readonly ok: true;
  readonly status: Status;
  readonly data: Data;
  readonly response: Response;
}

export interface ApiFailure<Status extends number, Content> {
  readonly ok: false;
  readonly status: Status;
  readonly error: Content;
  readonly response: Response;
}

/** A request that has been sent. Awaited, it is the data of a success; every other status throws an ApiError. */
export interface ApiCall<Result extends AnyResult> extends Promise<DataOf<Result>> {
  /** Return every response, success or not, as one of the operation's results: `status` says which. */
  result(): Promise<Result>;
  /** Return the response of a success with its content unread. Call this at once: `await` reads the content. */
  response(): Promise<Response>;
}

export interface ApiEvent<Data = string> {
  /** The last id that the server sent: with this event, or before it. */
  readonly id: string;
  /** The type of the event, "message" where the server gives none. */
  readonly event: string;
  readonly data: Data;
}

/** Server-sent events. The request is sent when the loop begins, and ended when the loop is left. */
export type ApiEvents<Data> = AsyncGenerator<ApiEvent<Data>, void, undefined>;

/** A response that is not a success. */
export class ApiError extends Error {
  readonly status: number;
  /** The content of the response: the value of JSON, or text. `result()` knows its type. */
  readonly content: unknown;
  readonly response: Response;

  constructor(response: Response, content: unknown) {
    super(messageOf(content) ?? statusOf(response.status, content));
    this.name = "ApiError";
    this.status = response.status;
    this.content = content;
    this.response = response;
  }
}

type AnyResult = ApiSuccess<number, unknown> | ApiFailure<number, unknown>;
type DataOf<Result> = Result extends { ok: true; data: infer Data } ? Data : never;

type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
type NumberOf<Text extends string> = Text extends `${infer Value extends number}` ? Value : never;
/** Every status that is not a success, except those given. */
export type ErrorStatus<Except extends number = never> = Exclude<
  NumberOf<`${3 | 4 | 5}${Digit}${Digit}`>,
  Except
>;

/** A body that is sent as it is. */
type Raw = NonNullable<RequestInit["body"]>;
type BodyKind = "json" | "form" | "multipart" | "text" | "bytes";
interface Parts {
  query?: object | undefined;
  headers?: object | undefined;
  body?: unknown;
  kind?: BodyKind;
}

function messageOf(content: unknown): string | undefined {
  if (typeof content === "string") return shortened(content, 2000) || undefined;
  const { detail, message, title, error, errors } = (content ?? {}) as { [name: string]: unknown };
  const text = [detail, message, title, error].find((part): part is string => typeof part === "string" && part !== "");
  if (text === undefined || !Array.isArray(errors)) return text;
  const problems = (errors as { place?: unknown; message?: unknown }[]).map(
    (problem) => `${problem?.place}: ${problem?.message}`,
  );
  return shortened([text, ...problems].join("\n"), 2000);
}

/** Return a status, with the value of JSON that came with it in short. */
function statusOf(status: number, content: unknown): string {
  const isSaid = content !== undefined && content !== null && !(content instanceof Blob);
  return `HTTP status ${status}` + (isSaid ? `: ${shortened(JSON.stringify(content), 300)}` : "");
}

const shortened = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;

// <segment>
/** Encode a value as one segment of a path. The server has no route with an empty or a dot segment. */
function segment(value: unknown): string {
  const text = String(value);
  if (/^\.{0,2}$/.test(text)) throw new TypeError(`${JSON.stringify(text)} cannot be a segment of a path`);
  return encodeURIComponent(text);
}

// </segment>
// <segments>
/** Segments of a path: with "/" between them, or an array, whose items may have a "/" of their own. */
type Path = string | readonly string[];

function segments(value: Path): string {
  // An empty array is a path with an empty segment, like an empty text.
  const items = typeof value === "string" ? value.split("/") : value.length ? value : [""];
  return items.map(segment).join("/");
}

// </segments>
/** List the fields of an object, one for each item of an array, without those that are undefined or null. */
function* fieldsOf(values: object): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(values)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null) yield [name, item];
    }
  }
}

function textOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function urlEncoded(values: object): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of fieldsOf(values)) parameters.append(name, textOf(value));
  return parameters;
}

function formData(values: object): FormData {
  const form = new FormData();
  for (const [name, value] of fieldsOf(values)) {
    form.append(name, value instanceof Blob ? value : textOf(value));
  }
  return form;
}

// React Native has none.
const isStream = (body: unknown): body is ReadableStream =>
  typeof ReadableStream === "function" && body instanceof ReadableStream;

function isRaw(body: unknown): body is Raw {
  return (
    body instanceof Blob ||
    body instanceof FormData ||
    body instanceof URLSearchParams ||
    isStream(body) ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}

/** Encode a body, and set its Content-Type unless `fetch` does or the caller did. */
function encodeBody(body: unknown, kind: BodyKind | undefined, headers: Headers): Raw | undefined {
  if (body === undefined) return undefined;
  const setType = (type: string): void => {
    if (!headers.has("Content-Type")) headers.set("Content-Type", type);
  };
  if (isRaw(body)) {
    const isTyped = body instanceof FormData || body instanceof URLSearchParams;
    if (!isTyped) setType((body instanceof Blob && body.type) || "application/octet-stream");
    return body;
  }
  if (kind === "multipart") return formData(body as object);
  if (kind === "form") return urlEncoded(body as object);
  if (kind === "bytes") setType("application/octet-stream");
  // Text that the caller calls something else than JSON is not JSON.
  const isEncoded = kind !== "json" || !isJson(headers.get("Content-Type") ?? "application/json");
  if (typeof body === "string" && isEncoded) return body;
  setType("application/json");
  return JSON.stringify(body);
}

const isJson = (type: string): boolean => /^[^;]*[/+]json\s*(?:;|$)/i.test(type);
const isText = (type: string): boolean => /^(?:text\/|application\/(?:x-ndjson|jsonl|(?:[^;]*\+)?xml))/i.test(type);

async function readContent(method: string, response: Response): Promise<unknown> {
  const type = response.headers.get("Content-Type") ?? "";
  if (method === "HEAD" || [204, 205, 304].includes(response.status)) return undefined;
  if (!isJson(type)) return isText(type) ? response.text() : response.blob();
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    if (response.ok) throw error;
    return text; // of a proxy, say, that calls its page JSON
  }
}

async function headersOf(source: ApiOptions["headers"]): Promise<Headers> {
  return new Headers(typeof source === "function" ? await source() : source);
}

/** Return the options of a client with those of one request over them. */
function merged(defaults: ApiOptions, own: ApiOptions = {}): ApiOptions {
  const headers = async (): Promise<Headers> => {
    const fields = await headersOf(defaults.headers);
    (await headersOf(own.headers)).forEach((value, name) => fields.set(name, value));
    return fields;
  };
  return { ...defaults, ...own, headers };
}

async function send(
  method: string,
  path: string,
  parts: Parts,
  options: ApiOptions,
  own: Record<string, string>,
): Promise<Response> {
  const { baseUrl = "", headers: source, fetch: request = fetch, reconnect: _, ...init } = options;
  const headers = new Headers(own);
  for (const [name, value] of fieldsOf(parts.headers ?? {})) headers.set(name, textOf(value));
  (await headersOf(source)).forEach((value, name) => headers.set(name, value));
  const body = encodeBody(parts.body, parts.kind, headers);
  const query = urlEncoded(parts.query ?? {}).toString();
  const url = baseUrl.replace(/\/+$/, "") + path + (query && `?${query}`);
  const content = body === undefined ? {} : { body };
  // A stream is sent while nothing is received yet, which `fetch` wants to be told.
  const duplex = isStream(body) ? { duplex: "half" as const } : {};
  return request(url, { ...init, ...content, ...duplex, method, headers });
}

// <call>
function call<Result extends AnyResult>(
  method: string,
  path: string,
  parts: Parts,
  options: ApiOptions = {},
): ApiCall<Result> {
  let isUnread = false;
  let success: AnyResult;
  async function run(): Promise<unknown> {
    const accept = { Accept: "application/json, */*;q=0.8" };
    const response = await send(method, path, parts, options, accept);
    const data = isUnread && response.ok ? undefined : await readContent(method, response);
    if (!response.ok) throw new ApiError(response, data);
    success = { ok: true, status: response.status, data, response };
    return data;
  }
  const promise = run();
  const result = (): Promise<AnyResult> =>
    promise.then(
      () => success,
      (error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        return { ok: false, status: error.status, error: error.content, response: error.response };
      },
    );
  const response = (): Promise<Response> => {
    isUnread = true;
    return promise.then(() => success.response);
  };
  return Object.assign(promise, { result, response }) as ApiCall<Result>;
}

// </call>
// <events>
// -- server-sent events (WHATWG HTML, section 9.2) ----------------------------------------------

interface Connection {
  lastEventId: string;
  /** Milliseconds from the end of a connection to the next one. */
  retry: number;
}

async function* events<Data>(
  method: string,
  path: string,
  parts: Parts,
  options: ApiOptions = {},
  parse: (data: string) => Data,
): ApiEvents<Data> {
  const connection: Connection = { lastEventId: "", retry: 3000 };
  for (let isFirst = true; ; isFirst = false) {
    try {
      const headers = await headersOf(options.headers);
      if (isFirst) connection.lastEventId = headers.get("Last-Event-ID") ?? "";
      else headers.set("Last-Event-ID", encodeHeader(connection.lastEventId));
      if (connection.lastEventId === "") headers.delete("Last-Event-ID");
      const own = { Accept: "text/event-stream" };
      const response = await send(method, path, parts, { cache: "no-store", ...options, headers }, own);
      if (response.status === 204) return;
      const type = response.headers.get("Content-Type") ?? "";
      if (!response.ok) throw new ApiError(response, await readContent(method, response));
      if (!response.body || !/^text\/event-stream\s*(?:;|$)/i.test(type)) {
        await response.body?.cancel();
        throw new ApiError(response, "The response is not an event stream: its Content-Type is " + (type || "missing"));
      }
      for await (const { data, ...event } of eventsOf(response.body, connection)) {
        yield { ...event, data: parse(data) };
      }
    } catch (error) {
      // A connection that breaks is an end like any other; everything else is for the caller.
      const isBroken = error instanceof BrokenConnection || (error instanceof TypeError && !isFirst);
      if (!options.reconnect || !isBroken || options.signal?.aborted) {
        throw error instanceof BrokenConnection ? error.reason : error;
      }
    }
    if (!options.reconnect) return;
    await pause(connection.retry, options.signal);
  }
}

class BrokenConnection {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

/** Write text in UTF-8 as the bytes of a header field, as EventSource does. */
function encodeHeader(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

function pause(milliseconds: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
  });
}

/** Read the events of one connection; what it says of ids and of `retry` stays in `connection`. */
async function* eventsOf(
  body: NonNullable<Response["body"]>,
  connection: Connection,
): AsyncGenerator<ApiEvent, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder(); // it drops a byte order mark
  let [rest, id, event] = ["", connection.lastEventId, ""];
  let data: string[] = [];
  let endedInReturn = false;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((reason: unknown) => {
        throw new BrokenConnection(reason);
      });
      if (done) return; // an event without its blank line is dropped
      let text = decoder.decode(value, { stream: true });
      if (text === "") continue;
      if (endedInReturn && text.startsWith("\n")) text = text.slice(1); // CRLF, in two pieces
      endedInReturn = text.endsWith("\r");
      const lines = text.split(/\r\n|\r|\n/);
      lines[0] = rest + lines[0];
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") {
          connection.lastEventId = id;
          const message = { id, event: event || "message", data: data.join("\n") };
          const isEvent = data.length > 0;
          [data, event] = [[], ""];
          if (isEvent) yield message;
          continue;
        }
        const [, name, field = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? [];
        if (name === "data") data.push(field);
        else if (name === "event") event = field;
        else if (name === "id" && !field.includes("\0")) id = field;
        else if (name === "retry" && /^[0-9]+$/.test(field)) connection.retry = Number(field);
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // of a connection that broke
  }
}

// </events>
// -- operations ---------------------------------------------------------------------------------

// <operations>
/** One example. */
export function getExamplesById(
  parameters: { path: { id: string } },
  options?: ApiOptions,
): ApiCall<ApiSuccess<200, Example> | ApiFailure<ErrorStatus, string>> {
  return call("GET", `/examples/${segment(parameters.path["id"])}`, {}, options);
}

export function getExampleFeedByTopic(parameters: { path: { topic: Path } }, options?: ApiOptions): ApiEvents<Example> {
  return events("GET", `/example-feed/${segments(parameters.path["topic"])}`, {}, options, JSON.parse);
}
// </operations>

export type ApiClient = ReturnType<typeof createClient>;

/** Return all operations as functions of one object; each takes further options as its last argument. */
export function createClient(defaults: ApiOptions = {}) {
  return {
// <client>
    /** One example. */
    getExamplesById: (parameters: Parameters<typeof getExamplesById>[0], options?: ApiOptions) =>
      getExamplesById(parameters, merged(defaults, options)),
    getExampleFeedByTopic: (parameters: Parameters<typeof getExampleFeedByTopic>[0], options?: ApiOptions) =>
      getExampleFeedByTopic(parameters, merged(defaults, options)),
// </client>
  };
}
