// Starts Swagger UI with /openapi.json, so that "Execute" succeeds without typing:
//
// - every load of the page offers a new Idempotency-Key for each operation. With one key for all of them, the second
//   thing tried would be refused as another request under a used key. Executing the same thing twice shows a replay.
// - where a request names the example order, payment or key, the one that this page made or used last takes its place.
"use strict";

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID needs https or localhost
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4 (RFC 9562, 5.4)
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function withNewKeys(spec) {
  const shared = spec.components.parameters.IdempotencyKey;
  for (const path of Object.values(spec.paths)) {
    for (const operation of Object.values(path)) {
      operation.parameters = (operation.parameters || []).map((parameter) =>
        parameter.$ref === "#/components/parameters/IdempotencyKey" ? { ...shared, example: newKey() } : parameter);
    }
  }
  return spec;
}

window.onload = async () => {
  const spec = withNewKeys(await (await fetch("/openapi.json")).json());
  const { Order, Payment, Key } = spec.components.schemas;
  const latest = new Map(); // example -> what was made last
  let sent; // the key of the request that runs
  window.ui = SwaggerUIBundle({
    spec,
    dom_id: "#swagger-ui",
    deepLinking: true,
    tryItOutEnabled: true,
    persistAuthorization: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null, // nothing leaves for another host
    presets: [SwaggerUIBundle.presets.apis],
    requestInterceptor(request) {
      for (const [example, made] of latest) {
        request.url = request.url.replace(example, made);
        if (typeof request.body === "string") {
          request.body = request.body.replace(example, made);
        }
      }
      sent = request.headers["Idempotency-Key"];
      return request;
    },
    responseInterceptor(response) {
      if (sent && response.ok) {
        latest.set(Key.properties.key.example, encodeURIComponent(sent));
        const schema = response.body.id.startsWith("pay_") ? Payment : Order;
        latest.set(schema.properties.id.example, response.body.id);
      }
      return response;
    },
  });
};
