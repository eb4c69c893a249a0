// <header>
// What every client has. `apiroutes client` writes one from this file: `typescript.py` puts the parts that it
// generates between the marks. What stands between them here is an example, so that this file compiles too.
// </header>

// <types>
export type Problem = { type: string; title: string; status: number; detail: string };

// </types>
export class ApiError extends Error {
  readonly status: number;
  /** What the server said: a problem document, or text. */
  readonly problem: Problem | string;

  constructor(status: number, problem: Problem | string) {
    super(typeof problem === "string" ? problem : (problem.detail ?? problem.title));
    this.name = "ApiError";
    this.status = status;
    this.problem = problem;
  }
}

export interface Options {
  /** Where the server is, such as "https://example.com"; the page's own without it. */
  baseUrl?: string;
  headers?: Record<string, string>;
  fetch?: typeof fetch;
}

type Value = string | number | boolean | null | undefined;
type Query = Record<string, Value | readonly Value[]>;
interface Parts {
  query?: object | undefined;
  json?: unknown;
  form?: object | undefined;
}

const segment = (value: string | number): string => encodeURIComponent(String(value));
const segments = (value: string): string => value.split("/").map(encodeURIComponent).join("/");

function queryString(query: Query): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null) found.append(name, String(each));
    }
  }
  const text = found.toString();
  return text && "?" + text;
}

function formData(form: Record<string, unknown>): FormData {
  const found = new FormData();
  for (const [name, value] of Object.entries(form)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null) found.append(name, each instanceof Blob ? each : String(each));
    }
  }
  return found;
}

async function content(response: Response): Promise<unknown> {
  const type = response.headers.get("Content-Type") ?? "";
  if (response.status === 204 || response.status === 205) return undefined;
  if (/^application\/(?:[^;]*\+)?json/.test(type)) return response.json();
  return /^text\/|x-ndjson/.test(type) ? response.text() : response.blob();
}

/** A client of the server at `baseUrl`. Its functions throw ApiError for every answer but 2xx. */
export function createClient(options: Options = {}) {
  async function request<T>(method: string, path: string, parts: Parts, init?: RequestInit): Promise<T> {
    const headers = new Headers({ Accept: "application/json, */*;q=0.8", ...options.headers });
    new Headers(init?.headers).forEach((value, name) => headers.set(name, value));
    let body: string | FormData | undefined;
    if (parts.json !== undefined) {
      body = JSON.stringify(parts.json);
      headers.set("Content-Type", "application/json");
    } else if (parts.form !== undefined) {
      body = formData(parts.form as Record<string, unknown>);
    }
    const url = (options.baseUrl ?? "") + path + queryString((parts.query ?? {}) as Query);
    const call = options.fetch ?? fetch;
    const response = await call(url, { ...init, method, headers, ...(body === undefined ? {} : { body }) });
    const found = await content(response);
    if (!response.ok) throw new ApiError(response.status, found as Problem | string);
    return found as T;
  }

  return {
// <operations>
    /** One note. */
    getNotesById: (parameters: { path: { id: string } }, init?: RequestInit): Promise<unknown> =>
      request<unknown>("GET", `/notes/${segment(parameters.path["id"])}`, {}, init),
    getFilesByPath: (parameters: { path: { path: string } }, init?: RequestInit): Promise<Blob> =>
      request<Blob>("GET", `/files/${segments(parameters.path["path"])}`, {}, init),
// </operations>
  };
}
