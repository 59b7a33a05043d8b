"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const root = document.documentElement;
  const only = new URLSearchParams(location.search).get("only")
    ?? new URLSearchParams(location.hash.slice(1)).get("only");
  const colour = (n) => `var(--c${n})`;
  const sans = getComputedStyle(root).getPropertyValue("--sans");
  const superscript = (n) => String(n).replace(/./g, (c) => c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]);

  const pen = document.createElement("canvas").getContext("2d");
  function textWidth(text) {
    pen.font = `12px ${sans}`;
    return 1.1 * pen.measureText(text).width; // lines break at words
  }

  /** A number in few digits, as at an axis. */
  function short(value, digits, powersFrom = 1e5) {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= powersFrom || size < 2e-3) {
      const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
      const power = "10" + superscript(Number(exponent));
      const m = String(Number(mantissa)).replace("-", "−");
      return m === "1" ? power : `${m}·${power}`;
    }
    return String(Number(value.toPrecision(digits))).replace("-", "−");
  }

  /** Where an axis begins and ends; ECharts rounds the ends of a linear one. */
  function extent(spec, values) {
    const finite = values.filter((v) => v !== null && Number.isFinite(v));
    const positive = finite.filter((v) => v > 0);
    if (spec.scale === "LOG2" || spec.scale === "LOG10") {
      const base = spec.scale === "LOG2" ? 2 : 10;
      const log = (v) => Math.log(v) / Math.log(base);
      if (positive.length === 0) return { min: 1, max: base };
      const low = Math.floor(log(Math.min(...positive)) + 1e-9);
      const high = Math.ceil(log(Math.max(...positive)) - 1e-9);
      return { min: base ** low, max: base ** Math.max(high, low + 1) };
    }
    return { min: Math.min(...finite), max: Math.max(...finite) };
  }

  function axis(spec, values, upright) {
    const common = {
      axisLine: { show: true, lineStyle: { color: "var(--soft)" } },
      axisTick: { show: spec.scale !== "CATEGORY", lineStyle: { color: "var(--soft)" } },
      axisLabel: { color: "var(--soft)", fontFamily: sans, fontSize: 12, hideOverlap: true },
      splitLine: { show: spec.scale !== "CATEGORY", lineStyle: { color: "var(--grid)", width: 1 } },
      minorTick: { show: false },
      minorSplitLine: { show: false },
    };
    if (spec.scale === "CATEGORY") {
      return { ...common, type: "category", inverse: true, data: spec.categories,
        axisLabel: { ...common.axisLabel, interval: 0, hideOverlap: false, color: "var(--ink)",
          width: upright ? Math.min(210, innerWidth * .36) : undefined, overflow: "truncate" } };
    }
    const { min, max } = extent(spec, values);
    if (spec.scale === "LINEAR") return { ...common, type: "value", ...linear(min, max, values.every((v) => v === null || Number.isInteger(v)) ? 1 : 0),
      axisLabel: { ...common.axisLabel, formatter: ticks(min, max) } };
    // One notation along an axis of decades: decimals where all are short, else powers.
    const powers = spec.scale === "LOG10" && (min < 1e-3 || max > 1e4);
    return { ...common, type: "log", logBase: spec.scale === "LOG2" ? 2 : 10, min, max,
      axisLabel: { ...common.axisLabel, formatter: (v) => powers ? (v === 1 ? "1" : "10" + superscript(Math.round(Math.log10(v))))
        : spec.scale === "LOG10" ? String(Number(v.toPrecision(12))) : short(Number(v.toPrecision(12)), 4) } };
  }

  /** Steps of 1, 2 or 5 of some power of ten, at least so wide. */
  function linear(min, max, least) {
    const range = max - min || Math.abs(max) || 1;
    const power = Math.max(least, 10 ** Math.floor(Math.log10(range / 4)));
    const interval = [1, 2, 5, 10].map((m) => m * power).find((step) => range / step <= (least ? 8 : 6));
    const low = Math.floor(min / interval + 1e-9), high = Math.ceil(max / interval - 1e-9);
    return { interval, min: low * interval, max: Math.max(high, low + 1) * interval };
  }

  function ticks(min, max) {
    const size = Math.max(Math.abs(min), Math.abs(max));
    const digits = max > min ? Math.min(15, Math.max(3, Math.ceil(Math.log10(size / (max - min))) + 2)) : 3;
    return (v) => short(Math.abs(v) < 1e-9 * (max - min) ? 0 : v, digits);
  }

  function option(spec, width) {
    const upright = spec.at.scale === "CATEGORY";
    const log = spec.value.scale === "LOG2" || spec.value.scale === "LOG10";
    const coordinates = (at, value) => upright ? [value, at] : [at, value];
    const ats = [], values = [];
    for (const s of spec.series) {
      for (const [at, value, low, high] of s.points) {
        ats.push(at);
        values.push(value, low, high);
      }
      if (s.kind === "BAR") values.push(0);
    }
    for (const t of spec.targets) values.push(t.value);
    const floor = log ? extent(spec.value, values).min : -Infinity;
    const shown = (v) => v === null ? null : Math.max(v, floor);

    // Symbols that would hide one another stand a little apart; those on lines stay on them.
    const apart = spec.series.filter((s) => s.kind === "SCATTER");
    const joined = spec.series.some((s) => s.kind === "LINE" || s.kind === "BAR");
    const shift = (s) => !apart.includes(s) || (apart.length === 1 && !joined) ? 0
      : joined ? 7 * (apart.indexOf(s) + 1) : 7 * (apart.indexOf(s) - (apart.length - 1) / 2);

    const series = [];
    spec.series.forEach((s, index) => {
      const stroke = colour(s.colour);
      const dash = s.dash.length ? s.dash : "solid";
      const base = { name: s.name, z: 3 + index, emphasis: { disabled: true }, animation: false };
      const data = s.points.map(([at, value]) => value === null ? null : coordinates(at, shown(value))).filter((p) => p);
      if (s.kind === "BAND") {
        series.push(band(s, stroke, upright, shown, base));
        return;
      }
      if (s.kind === "BAR") {
        series.push({ ...base, type: "bar", data, barMaxWidth: 12, itemStyle: { color: stroke } });
      } else if (s.kind === "SCATTER") {
        const offset = upright ? [0, shift(s)] : [shift(s), 0];
        series.push({ ...base, type: "scatter", clip: false, data, symbol: s.symbol, symbolSize: 8, symbolOffset: offset, itemStyle: { color: stroke }, cursor: "default" });
      } else {
        series.push({ ...base, type: "line", data, symbol: s.kind === "LEVEL" ? "none" : s.symbol, symbolSize: 7,
          showAllSymbol: true, lineStyle: { color: stroke, width: 2, type: dash }, itemStyle: { color: stroke }, cursor: "default" });
      }
      const ranged = s.points.filter((p) => p[2] !== null && p[3] !== null);
      if (ranged.length) series.push(errors(ranged, stroke, upright, shown, shift(s), base));
    });
    if (spec.targets.length) {
      series.push({ type: "scatter", data: [], silent: true, markLine: {
        silent: true, symbol: "none", animation: false,
        lineStyle: { color: "var(--target)", type: [5, 4], width: 1.5 },
        label: { show: upright, position: "start", color: "var(--target)", fontFamily: sans, fontSize: 11,
          formatter: (p) => p.name },
        data: spec.targets.map((t) => ({ name: short(t.value, 3), [upright ? "xAxis" : "yAxis"]: t.value })) } });
    }
    const atAxis = axis(spec.at, ats, upright);
    const valueAxis = axis(spec.value, values, upright);
    const name = { fontFamily: sans, fontSize: 12, fontWeight: "normal", color: "var(--soft)", width: width - 16, overflow: "break" };
    // How far the name of an axis needs more than its one line.
    const more = (text) => (Math.ceil(textWidth(text) / (width - 16)) - 1) * 15;
    return {
      animation: false,
      textStyle: { fontFamily: sans },
      grid: { left: 4, right: joined && !upright ? Math.max(18, 7 * apart.length + 8) : 18, top: upright ? (spec.targets.length ? 24 : 10) : 36 + more(spec.value.label),
        bottom: 32 + more(upright ? spec.value.label : spec.at.label), containLabel: true },
      title: upright
        ? [{ text: spec.value.label, right: 12, bottom: 0, padding: [2, 0, 5, 0], textStyle: name }]
        : [{ text: spec.value.label, left: 0, top: 0, padding: [5, 0, 2, 0], textStyle: name },
           { text: spec.at.label, right: 12, bottom: 0, padding: [2, 0, 5, 0], textStyle: name }],
      xAxis: upright ? valueAxis : atAxis,
      yAxis: upright ? atAxis : valueAxis,
      tooltip: { trigger: "item", renderMode: "richText", confine: true, backgroundColor: "var(--paper)", borderColor: "var(--rule)", borderWidth: 1,
        textStyle: { color: "var(--ink)", fontFamily: sans, fontSize: 12 }, formatter: (p) => tip(spec, p, upright) },
      series,
    };
  }

  function tip(spec, p, upright) {
    if (!Array.isArray(p.value)) return "";
    const plain = (text) => text.replace(/[{}|]/g, " ");
    const [at, value] = upright ? [p.value[1], p.value[0]] : p.value;
    const place = upright ? spec.at.categories[at] : `${spec.at.label} ${short(at, 4)}`;
    return `${plain(p.seriesName)}\n${plain(place)}\n${plain(spec.value.label)} ${short(value, 4)}`;
  }

  function errors(points, stroke, upright, shown, shift, base) {
    return { ...base, type: "custom", silent: true, clip: true, encode: { x: -1, y: -1 },
      data: points.map(([at, , low, high]) => [at, shown(low), shown(high)]),
      renderItem: (params, api) => {
        const place = (v) => {
          const [x, y] = api.coord(upright ? [v, api.value(0)] : [api.value(0), v]);
          return upright ? [x, y + shift] : [x + shift, y];
        };
        const [a, b] = [place(api.value(1)), place(api.value(2))];
        const cap = upright ? [0, 3.5] : [3.5, 0];
        const line = (p, q) => ({ type: "line", shape: { x1: p[0], y1: p[1], x2: q[0], y2: q[1] }, style: { stroke, lineWidth: 1.5 } });
        const end = (p) => line([p[0] - cap[0], p[1] - cap[1]], [p[0] + cap[0], p[1] + cap[1]]);
        return { type: "group", children: [line(a, b), end(a), end(b)] };
      } };
  }

  /** The area between low and high: a polygon, or beside each name a bar of its own. */
  function band(s, stroke, upright, shown, base) {
    const points = s.points.filter((p) => p[2] !== null && p[3] !== null);
    return { ...base, z: 1, type: "custom", silent: true, clip: true, encode: { x: -1, y: -1 },
      data: upright ? points.map(([at, , low, high]) => [at, shown(low), shown(high)]) : points.slice(0, 1).map(([at]) => [at, 0, 0]),
      renderItem: (params, api) => {
        if (upright) {
          const [x1, y] = api.coord([api.value(1), api.value(0)]);
          const [x2] = api.coord([api.value(2), api.value(0)]);
          return { type: "rect", shape: { x: x1, y: y - 6, width: Math.max(2, x2 - x1), height: 12 }, style: { fill: stroke, opacity: .3 } };
        }
        const along = (k) => points.map((p) => api.coord([p[0], shown(p[k])]));
        const [high, low] = [along(3), along(2)];
        const edge = (ends) => ({ type: "polyline", shape: { points: ends }, style: { stroke, fill: "none", lineWidth: 1, opacity: .7 } });
        return { type: "group", children: [
          { type: "polygon", shape: { points: [...high, ...low.reverse()] }, style: { fill: stroke, opacity: .22 } }, edge(high), edge(low)] };
      } };
  }

  const plots = [];
  if (only !== null) {
    const figure = document.getElementById(only);
    if (figure && figure.matches("figure")) {
      root.dataset.only = only;
      root.dataset.theme = "light";
      figure.classList.add("only");
      figure.closest("section").classList.add("only");
    }
  }
  for (const spec of specs) {
    const place = document.querySelector(`.plot[data-chart="${spec.id}"]`);
    if (root.dataset.only && root.dataset.only !== spec.id) continue;
    const chart = echarts.init(place, null, { renderer: "svg" });
    const draw = (width) => {
      chart.resize({ width, height: place.clientHeight || parseFloat(place.style.height) });
      chart.setOption(option(spec, width), { notMerge: true });
      // So that paper narrower than the screen scales it.
      const svg = place.querySelector("svg");
      svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
      svg.setAttribute("aria-hidden", "true");
    };
    let drawn = 0;
    const fit = () => {
      if (place.clientWidth && place.clientWidth !== drawn && !printing) draw(drawn = place.clientWidth);
    };
    plots.push({ draw, fit, again: () => { drawn = 0; fit(); } });
    new ResizeObserver(fit).observe(place);
  }
  let printing = false;
  const opened = [];
  addEventListener("beforeprint", () => {
    printing = true;
    plots.forEach((plot) => plot.draw(680));
    document.querySelectorAll("details:not([open])").forEach((d) => { d.open = true; opened.push(d); });
  });
  addEventListener("afterprint", () => {
    printing = false;
    plots.forEach((plot) => plot.again());
    opened.splice(0).forEach((d) => { d.open = false; });
  });
  plots.forEach((plot) => plot.fit());
  root.dataset.drawn = "true";
})();
