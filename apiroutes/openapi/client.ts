// <header>
// The template of a client. `typescript.py` replaces each part from `// <name>` to `// </name>` with what it
// generates from a project's OpenAPI document; the examples there make this file valid as it stands.
// </header>

// <types>
export type Problem = { type: string; title: string; status: number; detail: string };

// </types>
export class ApiError extends Error {
  readonly status: number;
  /** The content of the response: a problem document (RFC 9457), or text. */
  readonly problem: Problem | string;

  constructor(status: number, problem: Problem | string) {
    super(typeof problem === "string" ? problem : (problem.detail ?? problem.title));
    this.name = "ApiError";
    this.status = status;
    this.problem = problem;
  }
}

export interface Options {
  /** The URL of the server, such as "https://example.com"; by default the origin of the page. */
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
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null) parameters.append(name, String(item));
    }
  }
  const text = parameters.toString();
  return text && "?" + text;
}

function formData(fields: Record<string, unknown>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null) form.append(name, item instanceof Blob ? item : String(item));
    }
  }
  return form;
}

async function readContent(response: Response): Promise<unknown> {
  const type = response.headers.get("Content-Type") ?? "";
  if (response.status === 204 || response.status === 205) return undefined;
  if (/^application\/(?:[^;]*\+)?json/.test(type)) return response.json();
  return /^text\/|x-ndjson/.test(type) ? response.text() : response.blob();
}

/** A client of the server at `baseUrl`. Its functions throw ApiError for every status but 2xx. */
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
    const send = options.fetch ?? fetch;
    const response = await send(url, { ...init, method, headers, ...(body === undefined ? {} : { body }) });
    const content = await readContent(response);
    if (!response.ok) throw new ApiError(response.status, content as Problem | string);
    return content as T;
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
