// What the pages do by themselves; it loads deferred.
"use strict";

// The entry of this page is in the middle of the navigation, if that is longer than the window.
(() => {
  const list = document.querySelector(".sidebar-scroll");
  const entry = list?.querySelector(".current-page > .reference");
  if (!entry) return;
  const [outer, inner] = [list.getBoundingClientRect(), entry.getBoundingClientRect()];
  if (inner.bottom <= outer.bottom) return;
  list.scrollTo({ top: list.scrollTop + inner.top - outer.top - outer.height / 2, behavior: "instant" });
})();

// The line with the name of a file, and its end, are not copied (copybutton_exclude).
document.querySelectorAll(".named > .highlight pre > span:first-child + :is(.c1, .c, .cm)").forEach((name) => {
  name.classList.add("file-name");
  const after = name.nextSibling;
  if (!after?.data?.startsWith("\n")) return;
  after.splitText(1);
  const end = document.createElement("span");
  end.className = "file-name";
  after.replaceWith(end);
  end.append("\n");
});
