// The search of the site. search-data.js calls startSearch with every section of every page; nothing is fetched, so
// that the search also works from a disk.
"use strict";

(() => {
  const MOST_RESULTS = 30;
  const MOST_OF_A_PAGE = 2;
  const EXCERPT = 220; // characters
  const WEIGHTS = { title: 14, heading: 8, about: 8, text: 4, name: 12 };
  // What people call a thing whose page calls it something else.
  const SYNONYMS = {
    sse: "server-sent events",
    eventsource: "server-sent events",
    websockets: "websocket",
    jwt: "json web tokens",
    orm: "sqlalchemy",
    db: "database",
    k8s: "kubernetes",
    serverless: "lambda",
    cron: "queue",
    celery: "queue",
    auth: "sign-in",
    authentication: "sign-in",
    authorization: "sign-in",
    login: "sign-in",
    throttling: "rate limits",
    throttle: "rate limits",
    ratelimit: "rate limits",
    swagger: "openapi",
    autoreload: "reload",
    "hot reload": "reload",
    "background task": "work after the response",
    "background tasks": "work after the response",
    "background job": "work after the response",
    "healthcheck": "health check",
    ts: "typescript",
    nextjs: "next.js",
    404: "not found",
    csrf: "requests of other sites",
    validation: "types checks",
    middlewares: "middleware",
    install: "first endpoint",
    installation: "first endpoint",
    "getting started": "tutorial",
    quickstart: "tutorial",
    crud: "create, read, change and remove",
    pagination: "pages of a list",
    permission: "what a user may do",
    permissions: "what a user may do",
    role: "what a user may do",
    roles: "what a user may do",
    "unit test": "testing",
    "unit tests": "testing",
    startup: "start and stop",
    shutdown: "start and stop",
    deploy: "deployment",
    env: "environment variables",
    dotenv: "environment",
    ".env": "environment",
    debug: "development server",
    debugger: "development server",
    debugging: "development server",
    traceback: "error page",
    sqlite: "database",
    mysql: "database",
    postgres: "database",
    postgresql: "database",
    license: "status and licence",
    licence: "status and licence",
    windows: "status and licence",
    wsl: "status and licence",
    macos: "status and licence",
    beta: "status and licence",
    pypi: "status and licence",
    version: "status and licence",
    static: "static files",
    assets: "static files",
  };

  // Words of questions, which say nothing of their subject: "how do I take an upload?"
  const SMALL_WORDS = new Set(
    "a an and are as be can do does for from how i in into is it me my of on or should the to use using what when where which why with you your".split(
      " ",
    ),
  );

  const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) || [];

  // The beginning that a word's forms share: upload, uploads, uploading. `redis` and `access` are no plurals.
  const stemOf = (word) => {
    if (word.length < 5 || /(?:[isu]s|\d)$/.test(word)) return word;
    const stem = word.replace(/(?:ations?|ings?|ies|ied|es|ed|s|y|e)$/, "");
    return stem.length < 3 ? word : stem;
  };
  const ENDINGS = "(?:able|ations?|ed|ers?|es?|ied|ies|ings?|ions?|ments?|s|y)?";

  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  // A word of a query: as it is, in another form, and as the beginning of another word. `api_key` is two words.
  const termOf = (word) => {
    const [start, end] = ["(?<![\\p{L}\\p{N}])", "(?![\\p{L}\\p{N}])"];
    return {
      exact: new RegExp(start + escaped(word) + end, "giu"),
      inflected: new RegExp(start + escaped(stemOf(word)) + ENDINGS + end, "giu"),
      begun: new RegExp(start + (word.length < 3 ? escaped(word) + end : escaped(stemOf(word))), "giu"),
    };
  };

  // Several words as one, however they are joined: `rate limits`, `rate-limits`, `rate_limits`.
  const joined = (text) => text.toLowerCase().replace(/[\s_-]+/g, " ");

  const countOf = (pattern, text) => (text.match(pattern) || []).length;

  // How much a term is in a field: many uses count more than one, and each further one less.
  const weightIn = (term, text) => {
    const exact = countOf(term.exact, text);
    const inflected = countOf(term.inflected, text);
    const begun = countOf(term.begun, text);
    const count = exact + 0.6 * Math.max(0, inflected - exact) + 0.15 * Math.max(0, begun - inflected);
    return count / (count + 1.2);
  };

  // The weight of each term, and of the words as they stand, in one section.
  const scoreOf = (piece, terms, phrase, asked) => {
    const [, , headings, text, names, about, weight] = piece;
    const [title, ...others] = headings;
    const length = 0.6 + (0.4 * text.length) / 1200;
    const weights = terms.map(
      (term) =>
        WEIGHTS.title * weightIn(term, title) * (others.length ? 0.5 : 1) +
        WEIGHTS.heading * weightIn(term, others.join(" ")) +
        WEIGHTS.about * weightIn(term, about) +
        (WEIGHTS.text * weightIn(term, text)) / Math.max(0.8, Math.min(length, 1.6)),
    );
    const whole = phrase && joined(`${headings.join(" ")} ${about} ${text}`).includes(phrase);
    const inHeading = phrase && joined(headings[headings.length - 1]).includes(phrase);
    // A setting or an option is explained in one place, and its name may be an ordinary word elsewhere.
    const isName = names.includes(asked.replace(/^-+/, ""));
    return { weights, weight, bonus: (whole ? 3 : 0) + (inHeading ? 8 : 0), named: isName ? WEIGHTS.name : 0 };
  };

  const ranked = (pieces, query) => {
    const all = [...new Set(wordsOf(query))];
    const telling = all.filter((word) => !SMALL_WORDS.has(word));
    const words = telling.length ? telling : all;
    if (words.length === 0) return [];
    const terms = words.map(termOf);
    const phrase = words.length > 1 || /[^\p{L}\p{N}\s]/u.test(query) ? joined(query.trim()) : "";
    const asked = query.trim();
    const scored = pieces.map((piece) => ({ piece, ...scoreOf(piece, terms, phrase, asked) }));
    // A word that few sections have says more than one that all have.
    const rarity = terms.map((_, number) => {
      const having = scored.filter(({ weights }) => weights[number] > 0).length;
      return having === 0 ? 0 : Math.log(1 + pieces.length / having);
    });
    return scored
      .map(({ piece, weights, weight, bonus, named }) => {
        const found = weights.filter((weight) => weight > 0).length / weights.length;
        const sum = weights.reduce((total, weight, number) => total + weight * rarity[number], 0);
        return { piece, terms, found, score: weight * (sum + bonus + named * Math.max(...rarity)) * found ** 2 };
      })
      .filter(({ score }) => score > 0);
  };

  // How many letters must be changed, left out, added or swapped with the next one, to make one word of another.
  const distanceOf = (from, to) => {
    let [beforeLast, last] = [[], Array.from({ length: to.length + 1 }, (_, number) => number)];
    for (let row = 1; row <= from.length; row++) {
      const current = [row];
      for (let column = 1; column <= to.length; column++) {
        const isSame = from[row - 1] === to[column - 1];
        const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
        current[column] = Math.min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (isSame ? 0 : 1));
        if (isSwapped) current[column] = Math.min(current[column], beforeLast[column - 2] + 1);
      }
      [beforeLast, last] = [last, current];
    }
    return last[to.length];
  };

  // Every word of the site, with the number of sections that have it.
  const countWords = (pieces) => {
    const counts = new Map();
    for (const [, , headings, text, , about] of pieces) {
      for (const word of new Set(wordsOf(`${headings.join(" ")} ${about} ${text}`))) {
        counts.set(word, (counts.get(word) || 0) + 1);
      }
    }
    return counts;
  };

  // The word of the site that is nearest to one that no section has; the more frequent of two.
  const nearestTo = (word, counts) => {
    const most = word.length < 4 ? 0 : word.length < 8 ? 1 : 2;
    let nearest = { word: null, distance: most + 1, count: 0 };
    for (const [known, count] of counts) {
      if (Math.abs(known.length - word.length) > most) continue;
      const distance = distanceOf(word, known);
      const isNearer = distance < nearest.distance || (distance === nearest.distance && count > nearest.count);
      if (isNearer && distance <= most) nearest = { word: known, distance, count };
    }
    return nearest.word;
  };

  // The query with its unknown words replaced, where each of them has a near one.
  const suggestionFor = (pieces, query) => {
    const counts = countWords(pieces);
    Object.keys(SYNONYMS).forEach((asked) => wordsOf(asked).forEach((word) => counts.set(word, counts.get(word) || 1)));
    const known = [...counts.keys()];
    const isKnown = (word) => SMALL_WORDS.has(word) || known.some((other) => other.startsWith(stemOf(word)));
    const words = wordsOf(query);
    if (words.every(isKnown)) return null;
    const better = words.map((word) => (isKnown(word) ? word : nearestTo(word, counts)));
    if (better.includes(null)) return null;
    // What stands between the words stays.
    return query.toLowerCase().split(/([\p{L}\p{N}_]+)/u).map((part, place) => (place % 2 ? better.shift() : part)).join("");
  };

  const search = (pieces, query) => {
    const asked = query.trim().toLowerCase().replace(/\s+/g, " ");
    const results = ranked(pieces, query);
    const synonym = Object.hasOwn(SYNONYMS, asked) ? SYNONYMS[asked] : null;
    if (synonym !== null) results.push(...ranked(pieces, synonym));
    results.sort((first, second) => second.score - first.score);
    const seen = new Set();
    const shown = new Map();
    return results
      .filter(({ piece: [page, anchor] }) => {
        const place = `${page}#${anchor}`;
        const count = shown.get(page) || 0;
        if (seen.has(place) || count === MOST_OF_A_PAGE) return false;
        seen.add(place);
        shown.set(page, count + 1);
        return true;
      })
      .slice(0, MOST_RESULTS);
  };

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  };

  // The part of the text around the first word that was found, with the words marked.
  const excerptOf = (text, terms) => {
    const places = terms.map((term) => text.search(term.begun)).filter((place) => place >= 0);
    const near = places.length ? Math.min(...places) : 0;
    let start = near < 80 ? 0 : text.indexOf(" ", near - 70) + 1;
    if (start > near) start = near;
    const part = text.slice(start, start + EXCERPT);
    const made = element("p", "context");
    if (start > 0) made.append("… ");
    const all = new RegExp(terms.map((term) => `${term.begun.source}[\\p{L}\\p{N}_]*`).join("|"), "giu");
    let end = 0;
    for (const found of part.matchAll(all)) {
      made.append(part.slice(end, found.index), element("mark", "", found[0]));
      end = found.index + found[0].length;
    }
    made.append(part.slice(end));
    if (start + EXCERPT < text.length) made.append(" …");
    return made;
  };

  const itemOf = ({ piece: [page, anchor, headings, text], terms }) => {
    const item = element("li", "kind-text");
    const link = element("a", "", headings[headings.length - 1]);
    const root = document.documentElement.dataset.content_root || "./";
    link.href = `${root}${page}.html${anchor && `#${anchor}`}`;
    item.append(link);
    if (headings.length > 1) item.append(element("span", "of-page", headings.slice(0, -1).join(" › ")));
    if (text) item.append(excerptOf(text, terms));
    return item;
  };

  const show = (pieces, query) => {
    const results = query.trim() ? search(pieces, query) : [];
    const list = element("ul", "search");
    list.append(...results.map(itemOf));
    document.getElementById("search-results").replaceChildren(list);
    const status = document.getElementById("search-status");
    if (!query.trim()) status.replaceChildren();
    else if (results.length === 0) status.replaceChildren(`Nothing found for “${query}”. `);
    else status.replaceChildren(results.length === 1 ? "One place. " : `${results.length} places. `);
    const suggestion = suggestionFor(pieces, query);
    if (suggestion !== null) {
      const link = element("a", "", suggestion);
      link.href = `?q=${encodeURIComponent(suggestion)}`;
      status.append("Did you mean ", link, "?");
    } else if (query.trim() && results.length === 0) status.append("Try fewer or other words.");
    document.documentElement.dataset.searched = query;
  };

  window.startSearch = (pieces) => {
    const input = document.getElementById("search-words");
    const query = new URLSearchParams(window.location.search).get("q") || "";
    document.querySelectorAll('input[name="q"]').forEach((field) => (field.value = query));
    show(pieces, query);
    input.addEventListener("input", () => {
      const address = new URL(window.location.href);
      address.searchParams.set("q", input.value);
      window.history.replaceState(null, "", address);
      show(pieces, input.value);
    });
    input.form.addEventListener("submit", (event) => event.preventDefault());
  };
})();
