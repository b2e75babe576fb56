// Animated SVG, by CSS alone: it plays where an <img> shows it, stands still for those who want no motion, and needs no encoder.

const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

const pause = 2500; // ms between the end and the beginning

// film shows pictures, each from its time on. Pictures that are like the one before are left out, and so are those that were shown
// for the shortest time, until the rest is small enough.
export function film(frames, { width, height }, title, most) {
  const kept = frames.filter((frame, i) => i === 0 || frame.data !== frames[i - 1].data);
  while (kept.reduce((sum, frame) => sum + frame.data.length, 0) > most) {
    const shown = kept.slice(1, -1).map((frame, i) => kept[i + 2].at - frame.at);
    kept.splice(1 + shown.indexOf(Math.min(...shown)), 1);
  }
  const length = frames.at(-1).at + pause;
  const share = (ms) => `${((100 * ms) / length).toFixed(2)}%`;
  const style = kept.map((frame, i) => {
    const end = i + 1 < kept.length ? `${share(kept[i + 1].at)} { visibility: hidden; }` : '';
    return `@keyframes f${i} { 0% { visibility: hidden; } ${share(i ? frame.at : 0)} { visibility: visible; } ${end} }
.f${i} { animation: f${i} ${length}ms step-end infinite; }`;
  });
  return svg(width, height, title, `${style.join('\n')}
@media (prefers-reduced-motion: reduce) { image { animation: none; visibility: hidden; } image:last-of-type { visibility: visible; } }`,
  kept.map((frame, i) => `<image class="f${i}" width="${width}" height="${height}" href="data:image/jpeg;base64,${frame.data}"/>`));
}

// terminal shows lines as they were printed, in a window that scrolls.
export function terminal(lines, title) {
  const rows = 30, size = 14, step = 19, padding = 20;
  const width = 2 * padding + Math.ceil(80 * size * 0.602), height = 2 * padding + rows * step;
  const at = paced(lines);
  const length = at.at(-1) + 2 * pause;
  const share = (ms) => `${((100 * ms) / length).toFixed(2)}%`;
  const moments = [...new Set(at)];
  const style = moments.map((ms, i) => `@keyframes l${i} { 0% { visibility: hidden; } ${share(ms)}, 100% { visibility: visible; } }
.l${i} { animation: l${i} ${length}ms step-end infinite; }`);
  const scroll = moments.map((ms) => {
    const printed = at.filter((other) => other <= ms).length;
    return `${share(ms)} { transform: translateY(${-Math.max(0, printed - rows) * step}px); }`;
  });
  const end = -Math.max(0, lines.length - rows) * step;
  return svg(width, height, title, `text { font: ${size}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #d7dae0; }
.good { fill: #7ee0a3; } .bad { fill: #ff9d85; } .head { fill: #9db2ff; font-weight: bold; }
${style.join('\n')}
@keyframes scroll { 0% { transform: none; } ${scroll.join(' ')} 100% { transform: translateY(${end}px); } }
.all { animation: scroll ${length}ms step-end infinite; }
@media (prefers-reduced-motion: reduce) { text { animation: none !important; } .all { animation: none; transform: translateY(${end}px); } }`,
  [`<rect width="${width}" height="${height}" rx="10" fill="#14161b"/>
<clipPath id="window"><rect x="0" y="${padding / 2}" width="${width}" height="${height - padding}"/></clipPath><g clip-path="url(#window)"><g class="all">`,
  ...lines.map(({ line }, i) => line.trim() === '' ? '' : `<text xml:space="preserve" class="l${moments.indexOf(at[i])}" x="${padding}" y="${padding + (i + 0.8) * step}">${coloured(line)}</text>`),
  '</g></g>']);
}

// paced gives what was printed at once the time to be read, and takes the wait for a slow start out.
function paced(lines) {
  let now = 300;
  return lines.map(({ at }, i) => {
    const gap = i ? at - lines[i - 1].at : 0;
    if (gap > 50) now += Math.min(gap, 500) + 110 * (i - lines.findLastIndex((line, j) => j < i && (j === 0 || line.at - lines[j - 1].at > 50)));
    return now;
  });
}

// coloured marks what a person looks for first.
function coloured(line) {
  if (/^\s*\d+ .*──/.test(line)) return `<tspan class="head">${escape(line)}</tspan>`;
  return escape(line).replace(/✗[^✓]*/g, (part) => `<tspan class="bad">${part}</tspan>`).replace(/✓.*/g, (part) => `<tspan class="good">${part}</tspan>`);
}

const svg = (width, height, title, style, content) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<title>${escape(title)}</title>
<style>
${style}
</style>
${content.filter(Boolean).join('\n')}
</svg>
`;
