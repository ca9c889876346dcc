"use strict";
// The API is where this page is: `/v1/docs` on AWS, deeper on the embedded stack.
const description = new URL("openapi.json", location.href.split(/[?#]/)[0]);
SwaggerUIBundle({
  url: description.href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
