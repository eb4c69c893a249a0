"use strict";
// "Copy as text": by the clipboard's own interface, and by a selection where the page may not use that.
const button = document.getElementById("copy");
const said = document.getElementById("said");

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("aria-hidden", "true");
  area.style.setProperty("position", "fixed");
  area.style.setProperty("opacity", "0");
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  button.focus();
  return done;
}

async function copy() {
  const text = document.getElementById("as-text").textContent;
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = copyBySelection(text);
  }
  button.textContent = done ? "Copied" : "Not copied: select the text below";
  said.textContent = button.textContent;
  if (!done) {
    document.getElementById("text").open = true;
  }
  setTimeout(() => { button.textContent = "Copy as text"; said.textContent = ""; }, 2500);
}

button.hidden = false;
button.addEventListener("click", copy);
