/* Search from the disk. A browser starts no worker for a page that was opened as a file, so the worker's program runs in a
   hidden frame of the same page instead, and messages go to and fro as events. On a server the page keeps its worker. */
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.title = "search";
      document.documentElement.appendChild(frame);
      this.inside = frame.contentWindow;
      const self = this.inside;
      self.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const program = self.document.createElement("script");
      program.src = new URL(url, document.baseURI);
      program.onload = () => {
        const waiting = this.waiting;
        this.waiting = null;
        waiting.forEach((data) => this.postMessage(data));
      };
      self.document.documentElement.appendChild(program);
    }
    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.inside.dispatchEvent(new MessageEvent("message", { data }));
    }
    terminate() {}
  };
  window.Worker = window.IFrameWorker;
}
