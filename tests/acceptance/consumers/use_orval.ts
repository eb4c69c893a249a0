// The client of orval, with fetch.
import { getItems, postItems, putPets } from "./orval";

declare const process: { argv: string[] };

async function main(): Promise<void> {
  const base = process.argv[2]!;
  const send = globalThis.fetch;
  globalThis.fetch = (url, init) => send(base + String(url), init);
  const stored = await postItems({ name: "Salt" });
  const taken = await postItems({ name: "Salt" });
  const listed = await getItems({ page: 1 });
  const wrong = await getItems({ page: 0 });
  const household = await putPets({ streetName: "Lane", pets: [{ type: "dog", name: "Rex" }] });
  const pet = household.status === 200 ? household.data.pets[0] : undefined;
  console.log(
    JSON.stringify([
      stored.status,
      taken.status,
      listed.status === 200 && listed.data.some((item) => item.name === "Salt"),
      wrong.status,
      pet,
    ]),
  );
}

void main();
