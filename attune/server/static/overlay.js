// Boxes, landmarks and names over the picture. A box glides to where the face was found, and goes when the face does.

import { css, ink, plainly } from "./elements.js";

const GLIDE = 0.09; // s; a box is where it should be after about three times that
const FADE = 0.5; // s

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.faces = new Map(); // track -> face, with `at`: where it is drawn now
    this.size = [640, 480];
    this.mirrored = true;
    this.pending = null; // the newest told but not yet drawn
  }

  take(message, lasts) {
    this.size = message.size;
    this.pending = message;
    this.lasts = lasts; // s without news after which a face fades
    const there = new Set(message.faces.map((f) => f.track));
    for (const face of message.faces) {
      const flat = [...face.box, ...face.landmarks.flat()];
      this.faces.set(face.track, { ...face, flat, at: this.faces.get(face.track)?.at ?? flat, told: performance.now(), gone: false });
    }
    for (const [track, face] of this.faces) if (!there.has(track)) face.gone = true;
  }

  clear() {
    this.faces.clear();
    this.pending = null;
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  // Draw; gives the message that is on the screen now for the first time, or null.
  draw(pen, w, h, { now, step, person, taxonomy, still }) {
    const scale = Math.max(w / this.size[0], h / this.size[1]), // as the picture covers its place
      dx = (w - scale * this.size[0]) / 2,
      dy = (h - scale * this.size[1]) / 2;
    const X = (x) => (this.mirrored ? w - dx - x * scale : dx + x * scale),
      Y = (y) => dy + y * scale;
    for (const [track, face] of this.faces) {
      const age = (now - face.told) / 1000,
        left = face.gone ? Math.max(0, 1 - age / FADE) : Math.max(0, 1 - Math.max(0, age - this.lasts) / FADE);
      if (left === 0) {
        this.faces.delete(track);
        continue;
      }
      const share = still ? 1 : 1 - Math.exp(-step / GLIDE);
      face.at = face.at.map((v, i) => v + (face.flat[i] - v) * share);
      pen.globalAlpha = left;
      drawFace(pen, face, { X, Y, w, h, chosen: face.person === person || this.faces.size === 1, taxonomy });
    }
    pen.globalAlpha = 1;
    const first = this.pending;
    this.pending = null;
    return first;
  }
}

function drawFace(pen, face, { X, Y, w, h, chosen, taxonomy }) {
  const [x0, y0, x1, y1] = face.at,
    a = Math.min(X(x0), X(x1)),
    b = Math.max(X(x0), X(x1)),
    top = Y(y0),
    bottom = Y(y1);
  const strongest = Object.entries(face.values ?? {})
    .filter(([, v]) => v !== null)
    .sort((p, q) => q[1] - p[1])[0];
  const colour = chosen ? "#ffffff" : "rgba(255,255,255,.65)";
  // dashed where the face can't be measured well
  pen.setLineDash(face.quality !== null && face.quality >= 0.5 && strongest ? [] : [5, 5]);
  for (const [style, width] of [
    ["rgba(0,0,0,.45)", chosen ? 4.5 : 3.5],
    [colour, chosen ? 2.2 : 1.5],
  ]) {
    pen.strokeStyle = style;
    pen.lineWidth = width;
    pen.beginPath();
    pen.roundRect(a, top, b - a, bottom - top, 8);
    pen.stroke();
  }
  pen.setLineDash([]);
  for (let i = 4; i < face.at.length; i += 2) {
    pen.beginPath();
    pen.arc(X(face.at[i]), Y(face.at[i + 1]), 2.4, 0, 7);
    pen.fillStyle = "rgba(0,0,0,.5)";
    pen.fill();
    pen.beginPath();
    pen.arc(X(face.at[i]), Y(face.at[i + 1]), 1.5, 0, 7);
    pen.fillStyle = "#fff";
    pen.fill();
  }
  const name = plainly(face.person || `face ${face.track}`),
    said = strongest ? strongest[0] : (face.reason ?? "not measured");
  drawTag(pen, name, said, strongest && taxonomy ? ink(taxonomy.colours[taxonomy.labels.indexOf(strongest[0])] ?? "#888888") : null, a, top, bottom, w, h);
}

function drawTag(pen, name, said, colour, a, top, bottom, w, h) {
  pen.font = `600 12.5px ${getComputedStyle(document.body).fontFamily}`;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  const wide = pen.measureText(name).width,
    width = wide + pen.measureText(said).width + (colour ? 38 : 26);
  const x = Math.max(4, Math.min(a, w - width - 4)),
    y = top > 30 ? top - 26 : Math.min(bottom + 6, h - 26);
  pen.fillStyle = css("--card");
  pen.beginPath();
  pen.roundRect(x, y, width, 21, 10);
  pen.fill();
  pen.fillStyle = css("--ink");
  pen.fillText(name, x + 9, y + 11);
  pen.fillStyle = css("--soft");
  if (colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.roundRect(x + wide + 16, y + 6, 9, 9, 3);
    pen.fill();
    pen.fillStyle = css("--soft");
  }
  pen.fillText(said, x + wide + (colour ? 30 : 17), y + 11);
}
