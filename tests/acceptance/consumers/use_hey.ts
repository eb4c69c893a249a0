// The client of @hey-api/openapi-ts.
import { getErrors, getEvents, getItems, getPrivate, postFilesByPath, postItems } from "./hey";
import { client } from "./hey/client.gen";

declare const process: { argv: string[] };

async function main(): Promise<void> {
  client.setConfig({ baseUrl: process.argv[2]!, headers: { Accept: "application/json" } });
  const stored = await postItems({ body: { name: "Milk", parts: [{ unitWeight: 1.5 }] } });
  const taken = await postItems({ body: { name: "Milk" } });
  const listed = await getItems({ query: { page: 1, tags: ["a", "b"] } });
  const wrong = await getItems({ query: { page: 0 } });
  const problem = await getErrors({ query: { code: 7 } });
  const refused = await getPrivate();
  const sizes = await postFilesByPath({
    path: { path: "a" },
    body: { title: "Two", file: new File(["abc"], "a.txt"), more: [new File(["abcde"], "b.txt")] },
  });
  const percents: number[] = [];
  const { stream } = await getEvents({ query: { count: 2 } });
  for await (const progress of stream) {
    percents.push(progress.percent);
  }
  console.log(
    JSON.stringify([
      stored.data!.mainColor,
      taken.response!.status,
      listed.data!.some((item) => item.parts[0]?.unitWeight === 1.5),
      wrong.response!.status,
      problem.error,
      refused.response!.status,
      sizes.data,
      percents,
    ]),
  );
}

void main();
