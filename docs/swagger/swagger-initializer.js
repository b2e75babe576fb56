// Starts Swagger UI with the service's /openapi.json, so that "Execute" succeeds without typing:
//
// - every load of the page offers a new Idempotency-Key for each operation. Executing the same thing twice shows a replay,
//   and the second answer has a badge that says so.
// - where a request names the example order, payment or key, the one that this page made or used last takes its place.
//
// Refusals are one short row each until their example is asked for: an operation has ten of them, and they look alike.
"use strict";

// base is where the service is, also behind a gateway that puts it under a path.
const base = new URL("..", location.href);

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID needs https or localhost
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4 (RFC 9562, 5.4)
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

async function load() {
  const text = await (await fetch(new URL("openapi.json", base))).text();
  const spec = JSON.parse(text.replaceAll("](/", `](${base.pathname}`)); // links in descriptions
  spec.servers = [{ url: base.href.replace(/\/$/, ""), description: "This service" }];
  for (const path of Object.values(spec.paths)) {
    for (const operation of Object.values(path)) {
      for (const parameter of operation.parameters ?? []) {
        if (parameter.name === "Idempotency-Key") {
          parameter.example = newKey();
        }
      }
    }
  }
  return spec;
}

// Latest puts what this page made last in the place of the examples.
class Latest {
  #examples; // prefix of an id -> the example of one
  #keyExample;
  #made = new Map(); // example -> what was made last
  #sent; // the key of the request that runs

  constructor({ Order, Payment, Refund, Event, WebhookEndpoint, Key }) {
    const schemas = { ord: Order, pay: Payment, re: Refund, evt: Event, we: WebhookEndpoint };
    this.#examples = new Map(Object.entries(schemas).map(([prefix, schema]) => [prefix, schema.properties?.id.examples[0]]));
    this.#keyExample = Key.properties.key.examples[0];
  }

  request(request) {
    for (const [example, made] of this.#made) {
      request.url = request.url.replace(example, made);
      if (typeof request.body === "string") {
        request.body = request.body.replace(example, made);
      }
    }
    this.#sent = request.headers["Idempotency-Key"];
    return request;
  }

  response(response) {
    if (this.#sent && response.ok) {
      this.#made.set(this.#keyExample, encodeURIComponent(this.#sent));
      const id = response.body?.id;
      const example = this.#examples.get(String(id).split("_")[0]);
      if (example) {
        this.#made.set(example, id);
      }
    }
    return response;
  }
}

// Replayed puts a badge on an answer that is a replay.
function Replayed({ React }) {
  const wrap = (Original) => function LiveResponse(props) {
    const replayed = props.response?.getIn(["headers", "idempotent-replayed"]) === "true";
    return React.createElement(React.Fragment, null,
      replayed && React.createElement("p", { className: "replayed", role: "status" }, "Replayed: nothing was done again"),
      React.createElement(Original, props));
  };
  return { wrapComponents: { liveResponse: wrap } };
}

// ShortRefusals shows a refusal as its description until its example is asked for.
function ShortRefusals({ React }) {
  const h = React.createElement;
  const wrap = (Original, system) => function Response(props) {
    const [open, setOpen] = React.useState(false);
    if (open || !props.response.getIn(["content", "application/problem+json"])) {
      return h(Original, props);
    }
    const Markdown = system.getComponent("Markdown", true);
    return h("tr", { className: "response short-refusal" },
      h("td", { className: "response-col_status" }, props.code),
      h("td", { className: "response-col_description" },
        h(Markdown, { source: props.response.get("description") }),
        h("button", { className: "btn", type: "button", onClick: () => setOpen(true) }, "Example")),
      h("td", { className: "response-col_links" }));
  };
  return { wrapComponents: { response: wrap } };
}

window.onload = async () => {
  const spec = await load();
  const latest = new Latest(spec.components.schemas);
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
    plugins: [Replayed, ShortRefusals],
    requestInterceptor: (request) => latest.request(request),
    responseInterceptor: (response) => latest.response(response),
  });
};
