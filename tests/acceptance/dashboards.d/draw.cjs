// Makes the report and its pictures: node draw.cjs DATA CHROMIUM FOLDER
//
// FOLDER/index.html holds everything it needs; beside it lie a PNG of each dashboard and of each panel with its caption.

const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");

const [data, executablePath, folder] = process.argv.slice(2);
const uplot = path.dirname(require.resolve("uplot/package.json"));
const parts = {
  "/* uplot.css */": `${uplot}/dist/uPlot.min.css`,
  "/* uplot.js */": `${uplot}/dist/uPlot.iife.min.js`,
  "/* data */": data,
  "/* report.js */": `${__dirname}/report.js`,
};

function page() {
  return Object.entries(parts).reduce(
    (text, [place, file]) => text.replace(place, () => fs.readFileSync(file, "utf8").replaceAll("</", "<\\/")),
    fs.readFileSync(`${__dirname}/report.html`, "utf8"),
  );
}

async function main() {
  fs.mkdirSync(folder, { recursive: true });
  const index = path.resolve(folder, "index.html");
  fs.writeFileSync(index, page());

  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const tab = await browser.newPage({ viewport: { width: 1632, height: 1000 } });
    const complaints = [];
    tab.on("console", (message) => complaints.push(message.text()));
    tab.on("pageerror", (error) => complaints.push(String(error)));
    tab.on("request", (request) => {
      if (!/^(file|data):/.test(request.url())) complaints.push(`asks for ${request.url()}`);
    });
    await tab.goto(pathToFileURL(index).href);
    const pictures = await tab.locator("[data-picture]").all();
    for (const picture of pictures) {
      await picture.screenshot({ path: `${folder}/${await picture.getAttribute("data-picture")}.png` });
    }
    if (complaints.length > 0) throw new Error(complaints.join("\n"));
    console.log(`dashboards: ${pictures.length} pictures`);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
