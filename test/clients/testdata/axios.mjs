// Sends one POST with axios and axios-retry, as they are ("plain") or as docs/integration.md sets them ("set").
import axios from "axios";
import axiosRetry from "axios-retry";

const [how, url] = process.argv.slice(2);
const client = axios.create();
axiosRetry(
  client,
  how === "set"
    ? { retries: 3, retryCondition: (e) => !e.response || e.response.data?.retryable === true, retryDelay: axiosRetry.exponentialDelay }
    : { retryDelay: () => 400 }, // the default is no pause at all: too quick for a server that is refused for a moment
);
await client.post(url, {}, { headers: { "Idempotency-Key": "k" }, proxy: false }).catch((error) => console.error(String(error)));
