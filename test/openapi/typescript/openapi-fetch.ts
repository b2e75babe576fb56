// Buys something with openapi-fetch over the types that openapi-typescript generates.
import createClient from "openapi-fetch";
import { amount, apiKey, baseUrl, expect, run } from "./expect";
import type { components, paths } from "./fetch/schema";

const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${apiKey}` } });
const key = (name: string) => ({ header: { "Idempotency-Key": `fetch-${name}` } });

async function newOrder(name: string): Promise<components["schemas"]["Order"]> {
  const { data, error } = await client.POST("/v1/orders", { params: key(name), body: { currency: "EUR", amount } });
  expect("an order is made", data?.amount === amount, error);
  return data;
}

run(async () => {
  const order = await newOrder("order");
  const body: components["schemas"]["CreatePayment"] = { order_id: order.id, payment_method: "pm_card_visa" };
  for (const replayed of [null, "true"]) {
    const { data, response } = await client.POST("/v1/payments", { params: key("pay"), body });
    expect("the order is paid", data?.amount_captured === amount && response.headers.get("Idempotent-Replayed") === replayed, data);
  }
  await readEvent(order);

  const again = await client.POST("/v1/payments", { params: key("again"), body: { ...body, capture_method: "manual" } });
  expect("the order can't be paid twice", again.response.status === 409 && again.error?.code === "order-not-payable", again);

  const other = await newOrder("order-2");
  const declined = await client.POST("/v1/payments", { params: key("declined"), body: { order_id: other.id, payment_method: "pm_card_chargeDeclined" } });
  expect("the payment is declined", declined.response.status === 402 && declined.error?.decline_code === "generic_decline", declined);
});

async function readEvent(order: components["schemas"]["Order"]): Promise<void> {
  const { data: list } = await client.GET("/v1/events");
  for (const event of list?.data ?? []) {
    // resource_type says what data is: without it, the compiler refuses order_id.
    if (event.resource_type === "payment" && event.data.order_id === order.id && event.data.status === "succeeded") {
      const { data: one } = await client.GET("/v1/events/{id}", { params: { path: { id: event.id } } });
      expect("an event is read", one?.resource_type === "payment" && one.data.amount_captured === amount, one);
      return;
    }
  }
  expect("there is an event of the payment", false, list);
}
