// A program in TypeScript that uses all of the JavaScript client. It is compiled, and not run.
import { CheckoutAttempt, OtherRequest, Problem, UnknownOutcome, memoryStorage, type Answer, type KeyStorage, type Options } from "payonce";

interface Body {
  order_id: string;
  payment_method: string;
}
interface Payment {
  id: string;
  status: string;
}

const storage: KeyStorage = memoryStorage();
const options: Options = { name: "basket-1", url: "/pay", storage, headers: async () => ({ A: "b" }), onAttempt: ({ number, status }) => void [number, status] };
const attempt = new CheckoutAttempt<Body, Payment>(options);
const inBrowser: Options = { name: "basket-1", url: "/pay", storage: sessionStorage };
const pending: Body | null = attempt.pending;
try {
  const answer: Answer<Payment> = await attempt.submit({ order_id: "ord_1", payment_method: "pm_card_visa" }, { signal: new AbortController().signal });
  const payment: Payment = answer.status === 202 ? await attempt.follow(answer) : answer.body;
  attempt.finish();
  const resumed: Answer<Payment> | null = await attempt.resume();
  const effect: string | undefined = (await attempt.giveUp())?.effect;
  void [payment.status, resumed, effect, attempt.key, pending, inBrowser];
} catch (error) {
  if (error instanceof Problem) void [error.code, error.document.errors?.[0]?.pointer, error.retryAfter];
  else if (error instanceof UnknownOutcome) void [error.key, error.attempts];
  else if (error instanceof OtherRequest) void error.pending;
}
void [new Problem(402, { code: "payment-declined" }), new UnknownOutcome("key", 3, new Error("lost")), new OtherRequest(pending)]; // in a shop's own tests
