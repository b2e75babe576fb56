// amount is more than 32 bits.
export const amount = 5_000_000_000;

// expect ends the program when a claim doesn't hold, with what was got instead.
export function expect(claim: string, holds: boolean, got: unknown): asserts holds {
  if (!holds) {
    throw new Error(`${claim}; got ${JSON.stringify(got)}`);
  }
}

export const baseUrl = process.env.BASE_URL ?? "";
export const apiKey = process.env.API_KEY ?? "";

export function run(buy: () => Promise<void>): void {
  buy().then(
    () => console.log("bought"),
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}
