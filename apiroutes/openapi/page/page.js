// Swagger UI with the OpenAPI document of the project; both are served beside the page.
"use strict";

// Patterns of the URLs of routes whose last parameter takes several segments (`x-catch-all`).
let catchAlls = [];

function isCatchAll(pathItem) {
  const operations = Object.values(pathItem).filter((part) => part.parameters);
  return operations.some(({ parameters }) => parameters.some((parameter) => parameter["x-catch-all"]));
}

function patternOf(template) {
  const [parent] = template.split(/[^/]*$/);
  const texts = parent.split(/\{[^}]*\}/).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^(.*?${texts.join("[^/]+")})([^/]+)$`);
}

// Swagger UI escapes "/" in path parameters; in a catch-all it separates the segments.
function withSegments(request) {
  const url = new URL(request.url, location.href);
  for (const pattern of catchAlls) {
    url.pathname = url.pathname.replace(pattern, (_, parent, last) => parent + last.replace(/%2F/gi, "/"));
  }
  return { ...request, url: url.href };
}

const dark = matchMedia("(prefers-color-scheme: dark)");

function followColorScheme() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

followColorScheme();
dark.addEventListener("change", followColorScheme);

const page = SwaggerUIBundle({
  url: "_docs/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  filter: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // the validator would be another host
  oauth2RedirectUrl: new URL("_docs/oauth2-redirect.html", location.href).href,
  requestInterceptor: (request) => (request.loadSpec ? request : withSegments(request)),
  onComplete() {
    const { info, paths } = page.specSelectors.specJson().toJS();
    document.title = info.title;
    catchAlls = Object.keys(paths)
      .filter((template) => isCatchAll(paths[template]))
      .map(patternOf);
  },
});
page.initOAuth({ usePkceWithAuthorizationCodeGrant: true });
