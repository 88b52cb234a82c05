// The browser's part of `page`: node page.cjs URL CHROMIUM SCREENSHOT

const assert = require("node:assert/strict");
const { chromium } = require("playwright-core");

const [url, executablePath, screenshot] = process.argv.slice(2);

// Longer than anything here takes.
const patience = 30_000;

async function ready() {
  const end = Date.now() + patience;
  for (;;) {
    const response = await fetch(`${url}/readyz`).catch(() => null);
    if (response?.ok) return;
    assert(Date.now() < end, `the gateway at ${url} is not ready`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// How a person presses something, and a script, which need not scroll there and wait until it stands still.
const byHand = (control) => control.click();
const byScript = (control) => control.dispatchEvent("click");

// An operation's block on the page, unfolded.
async function unfold(page, { path, method }, press) {
  const block = page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"]`) });
  await press(block.locator(".opblock-summary-control"));
  await block.locator(".opblock-body .responses-wrapper").waitFor();
  return block;
}

// Executes a command's example and reads the ack from the page.
async function execute(page, { command, phase }, press) {
  const block = await unfold(page, { path: `/v1/simulate/${command}`, method: "post" }, press);
  await press(block.getByRole("button", { name: "Try it out" }));
  const answered = page.waitForResponse((response) => response.request().method() === "POST");
  await press(block.getByRole("button", { name: "Execute" }));
  const answer = await answered;
  const live = block.locator(".live-responses-table").first();
  await live.waitFor();
  assert.match(await live.locator("tbody .response-col_status").first().innerText(), /^200/);
  const shown = await live.locator("tbody .response-col_description").first().innerText();
  const ack = await answer.json();
  assert.equal(ack.ActionStatus, "OK", command);
  assert(shown.includes('"ActionStatus": "OK"'), `the ack of ${command} is on the page: ${shown}`);
  assert(phase === "before" || answer.headers()["x-event-id"], `the event of ${command} has an id`);
  console.log(`executed ${command}: ${JSON.stringify(ack)}`);
  await press(block.locator(".opblock-summary-control"));
}

// Every word counts, in a feature, a command or what it is about, and whatever the case.
async function filter(page) {
  const box = page.getByPlaceholder("Filter: a feature, a command, a word");
  const shown = () => page.locator(".opblock [data-path]").evaluateAll((all) => all.map(({ dataset }) => dataset.path));
  const all = (await shown()).length;
  await box.fill("MESSAGES recalled");
  await page.waitForFunction((all) => document.querySelectorAll(".opblock").length < all, all);
  assert.deepEqual(await shown(), [
    "/v1/simulate/C2C.CallbackAfterMsgWithDraw",
    "/v1/simulate/Group.CallbackAfterRecallMsg",
    "/v1/simulate/OfficialAccount.CallbackAfterMsgWithDraw",
    // What subscriptions get has a section of its own, which stays.
    "event",
  ]);
  await box.fill("");
  await page.waitForFunction((all) => document.querySelectorAll(".opblock").length === all, all);
  console.log("the filter finds commands");
}

// For people to look at: one command, its example executed.
async function keepPicture(browser, { command }) {
  const page = await browser.newPage({ colorScheme: "dark", viewport: { width: 1280, height: 2400 } });
  page.setDefaultTimeout(patience);
  await page.goto(`${url}/docs`);
  await page.locator(".operation-filter-input").fill("friend");
  const block = await unfold(page, { path: `/v1/simulate/${command}`, method: "post" }, byHand);
  await block.getByRole("button", { name: "Try it out" }).click();
  await block.getByRole("button", { name: "Execute" }).click();
  const answer = await block.locator(".live-responses-table").first().boundingBox();
  await page.mouse.move(0, 0);
  await page.screenshot({ path: screenshot, clip: { x: 0, y: 0, width: 1280, height: answer.y + answer.height } });
  await page.close();
}

// Nothing is cut off on a narrow screen, and the page is dark for whoever prefers that.
async function onAPhoneInTheDark(browser, { command }) {
  const page = await browser.newPage({ colorScheme: "dark", viewport: { width: 390, height: 844 } });
  page.setDefaultTimeout(patience);
  await page.goto(`${url}/docs`);
  await page.locator(".opblock").first().waitFor();
  await unfold(page, { path: `/v1/simulate/${command}`, method: "post" }, byHand);
  const [cutOff, background] = await page.evaluate(() => [
    document.documentElement.scrollWidth - window.innerWidth,
    getComputedStyle(document.documentElement).backgroundColor,
  ]);
  assert.equal(cutOff, 0, "pixels beyond the screen");
  assert.equal(background, "rgb(31, 31, 31)");
  const filter = page.locator(".operation-filter-input");
  const { width } = await filter.boundingBox();
  assert(width > 350, `the filter is as wide as the screen: ${width}`);
  // The page is inverted, so that black is what shows on dark.
  assert.equal(await filter.evaluate((box) => getComputedStyle(box).color), "rgb(0, 0, 0)");
  await page.close();
  console.log("dark and narrow, nothing is cut off");
}

async function main() {
  await ready();
  const document = await (await fetch(`${url}/openapi.json`)).json();
  const commands = (await (await fetch(`${url}/v1/commands`)).json()).data;
  assert(commands.length > 0, "commands are installed");

  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
    page.setDefaultTimeout(patience);
    const [elsewhere, complaints] = [[], []];
    page.on("request", (request) => {
      const target = new URL(request.url());
      if (target.protocol !== "data:" && target.protocol !== "blob:" && target.origin !== new URL(url).origin) {
        elsewhere.push(request.url());
      }
    });
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));

    const started = Date.now();
    const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
    await page.goto(`${url}/`);
    await page.locator(".opblock").first().waitFor();
    console.log(`the page is there after ${seconds()}`);
    assert.equal(new URL(page.url()).pathname, "/docs");

    const first = (phase) => commands.find((command) => command.phase === phase);
    const pressedByHand = [first("before"), first("after"), commands.at(-1)];
    for (const command of commands) {
      await execute(page, command, pressedByHand.includes(command) ? byHand : byScript);
    }
    console.log(`every command is executed after ${seconds()}`);

    const onlyRead = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([, operation]) => operation["x-executable"] === false)
        .map(([method, { operationId }]) => ({ path, method, operationId })),
    );
    assert(onlyRead.some(({ operationId }) => operationId === "callback"));
    for (const operation of onlyRead) {
      const block = await unfold(page, operation, byHand);
      for (const name of ["Try it out", "Execute"]) {
        const buttons = await block.getByRole("button", { name }).count();
        assert.equal(buttons, 0, `${operation.operationId} has no "${name}"`);
      }
      console.log(`${operation.operationId} is only to be read`);
    }
    assert.equal(await page.getByText("Servers", { exact: true }).filter({ visible: true }).count(), 0, "no choice of one");
    await filter(page);
    await keepPicture(browser, commands.find(({ command }) => command === "Sns.CallbackFriendDelete"));
    await onAPhoneInTheDark(browser, first("after"));

    const events = (await (await fetch(`${url}/v1/events?limit=500`)).json()).data;
    for (const { command } of commands) {
      assert(events.some((event) => event.command === command && event.simulated), `${command} is in the journal`);
    }
    assert.deepEqual(elsewhere, [], "nothing is asked of another host");
    assert.deepEqual(complaints, [], "the console is silent");
    console.log(`${commands.length} command(s) executed, no other host, a silent console`);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
