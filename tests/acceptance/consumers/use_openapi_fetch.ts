// The types of openapi-typescript, with openapi-fetch.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

declare const process: { argv: string[] };

async function main(): Promise<void> {
  const client = createClient<paths>({ baseUrl: process.argv[2]!, headers: { Accept: "application/json" } });
  const item: components["schemas"]["Item"] = { name: "Tea", mainColor: "blue", size: [2, 3] };
  const stored = await client.POST("/api/items", { body: item });
  const id: string = stored.data!.id;
  const taken = await client.POST("/api/items", { body: item });
  const listed = await client.GET("/api/items", { params: { query: { page: 1, color: "blue" } } });
  const wrong = await client.GET("/api/items", { params: { query: { page: 0 } } });
  const read = await client.GET("/api/items/{id}", { params: { path: { id } } });
  const pet = await client.POST("/api/pets", { body: { type: "cat", name: "Tom", lives: 7 } });
  const secret = await client.GET("/api/private", { headers: { Authorization: "Bearer secret" } });
  const any = await client.POST("/api/legacy/any", { body: { a: [1] } });
  const gone = await client.DELETE("/api/items/{id}", { params: { path: { id } } });
  // What is sent always has the fields with defaults.
  const size: number[] = read.data!.size;
  const lives: number = pet.data!.type === "cat" ? pet.data!.lives : 0;
  console.log(
    JSON.stringify([
      stored.response.status,
      taken.response.status,
      taken.error,
      listed.data!.length,
      wrong.response.status,
      size,
      lives,
      secret.data,
      any.data,
      gone.response.status,
    ]),
  );
}

void main();
