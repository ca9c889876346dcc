"use strict";
// The key is that of the console: kept in this tab alone, until it is closed.
const KEY = "imagemill-api-key";
const SCHEME = "ApiKey";

/** Say a default in words, and fill nothing in: what is sent is what a person has asked for. */
function bare(schema, empty) {
  const { default: unless, examples, ...rest } = schema;
  const said = unless === undefined ? "" : ` Default: ${unless}.`;
  const like = examples && examples.length ? ` For example: ${examples.join(", ")}.` : "";
  return { ...rest, ...empty, description: `${rest.description || ""}${said}${like}` };
}

function unfilled(description) {
  for (const operation of Object.values(description.paths).flatMap(Object.values)) {
    for (const parameter of operation.parameters || []) {
      const { description: words, ...schema } = bare({ ...parameter.schema, description: parameter.description });
      Object.assign(parameter, { schema, description: words });
    }
    const form = operation.requestBody?.content["multipart/form-data"]?.schema.properties || {};
    // Swagger UI makes up a value for what has none; an empty one is not sent.
    for (const [name, schema] of Object.entries(form)) form[name] = bare(schema, schema.format === "binary" ? {} : { example: "" });
  }
  return description;
}

const rememberKey = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        authorize: (original) => (given) => {
          if (given[SCHEME]) sessionStorage.setItem(KEY, given[SCHEME].value);
          return original(given);
        },
        logout: (original) => (schemes) => {
          sessionStorage.removeItem(KEY);
          return original(schemes);
        },
      },
    },
  },
});

/** Levels of headings and a name that Swagger UI leaves out, for whoever hears the page; also of what it draws later. */
function mend() {
  const levels = { h2: 2, h3: 2, ".models > h4": 2, h4: 3, h5: 4 };
  for (const [tag, level] of Object.entries(levels)) {
    for (const heading of document.querySelectorAll(`#swagger-ui ${tag}:not([aria-level])`)) heading.ariaLevel = String(level);
  }
  const servers = document.getElementById("servers");
  if (servers) servers.ariaLabel = "Server";
}

async function show() {
  new MutationObserver(mend).observe(document.getElementById("swagger-ui"), { childList: true, subtree: true });
  // The API is where this page is: `/v1/docs` on AWS, deeper on the embedded stack.
  const answer = await fetch(new URL("openapi.json", location.href.split(/[?#]/)[0]));
  const ui = SwaggerUIBundle({
    spec: unfilled(await answer.json()),
    dom_id: "#swagger-ui",
    // A link within the button that opens an operation cannot be reached by keyboard.
    deepLinking: false,
    docExpansion: "list",
    filter: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    plugins: [rememberKey],
    onComplete: () => {
      const key = sessionStorage.getItem(KEY);
      if (key) ui.preauthorizeApiKey(SCHEME, key);
    },
  });
}

show();
