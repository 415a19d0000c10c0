"use strict";
(() => {
  const bar = document.getElementById("done"), said = document.getElementById("said");
  const list = document.getElementById("failures");
  let stamp = null, began = null;

  const text = (s) => {
    const failed = Object.keys(s.failures).length;
    const parts = [`${s.finished} of ${s.total} runs finished`];
    if (s.running) parts.push(`${s.running} begun`);
    if (failed) parts.push(`${failed} failed`);
    parts.push(`${s.tasks} tasks learned`);
    const now = Date.now() / 1000, done = s.finished + failed;
    if (began === null) began = [now, done];
    if (s.ended) parts.push("done");
    else if (done > began[1]) {
      const left = Math.round((now - began[0]) / (done - began[1]) * (s.total - done));
      parts.push(`about ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`);
    }
    return parts.join(" · ");
  };

  const show = (s) => {
    bar.max = Math.max(1, s.total);
    bar.value = s.finished + Object.keys(s.failures).length;
    const line = text(s);
    if (said.textContent !== line) said.textContent = line;
    list.replaceChildren(...Object.entries(s.failures).map(([name, why]) => {
      const item = document.createElement("li");
      item.textContent = `${name}: ${why}`;
      return item;
    }));
  };

  const busy = () => document.activeElement && /^(INPUT|SELECT)$/.test(document.activeElement.tagName);

  const ask = async () => {
    let wait = 1000;
    try {
      const answer = await fetch("state", {cache: "no-store"});
      if (!answer.ok) throw new Error(await answer.text());
      const s = await answer.json();
      show(s);
      if (stamp === null) stamp = s.stamp;
      if (s.stamp !== stamp && !busy()) { location.reload(); return; }
      if (s.ended) wait = 5000;
    } catch (error) {
      said.textContent = `No answer from cimlearn watch (${error.message}); the study itself goes on.`;
      wait = 3000;
    }
    setTimeout(ask, wait);
  };
  ask();
})();
