// Buys something with the client that @hey-api/openapi-ts generates.
import { amount, apiKey, baseUrl, expect, run } from "./expect";
import { client } from "./hey/client.gen";
import { createOrder, createPayment, getEvent, listEvents } from "./hey/sdk.gen";
import type { CreatePayment, Order } from "./hey/types.gen";

client.setConfig({ baseUrl, auth: apiKey });
const key = (name: string) => ({ "Idempotency-Key": `hey-${name}` });

async function newOrder(name: string): Promise<Order> {
  const { data, error } = await createOrder({ headers: key(name), body: { currency: "EUR", amount } });
  expect("an order is made", data !== undefined && Number(data.amount) === amount, error);
  return data;
}

run(async () => {
  const order = await newOrder("order");
  const body: CreatePayment = { order_id: order.id, payment_method: "pm_card_visa" };
  for (const replayed of [null, "true"]) {
    const { data, response } = await createPayment({ headers: key("pay"), body });
    expect("the order is paid", data?.amount_captured === amount && response?.headers.get("Idempotent-Replayed") === replayed, data);
  }
  await readEvent(order);

  const again = await createPayment({ headers: key("again"), body: { ...body, capture_method: "manual" } });
  expect("the order can't be paid twice", again.response?.status === 409 && again.error?.code === "order-not-payable", again);

  const other = await newOrder("order-2");
  const declined = await createPayment({ headers: key("declined"), body: { order_id: other.id, payment_method: "pm_card_chargeDeclined" } });
  expect("the payment is declined", declined.response?.status === 402 && declined.error?.decline_code === "generic_decline", declined);
});

async function readEvent(order: Order): Promise<void> {
  const { data: list } = await listEvents();
  for (const event of list?.data ?? []) {
    if (event.resource_type === "payment" && event.data.order_id === order.id && event.data.status === "succeeded") {
      const { data: one } = await getEvent({ path: { id: event.id } });
      expect("an event is read", one?.resource_type === "payment" && one.data.amount_captured === amount, one);
      return;
    }
  }
  expect("there is an event of the payment", false, list);
}
