//! A tab: commands, their answers, and what was seen between.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::kit::until;

/// No command of these tests takes Chromium longer, even on a loaded machine.
const ANSWER_TIME: Duration = Duration::from_mins(1);
/// Told of by a script of ours that comes before all of a page's own.
const REPORT: &str = "flowsentryTestReport";

/// A session of the protocol: commands are answered in order, and events come between.
pub(super) struct Wire {
    socket: WebSocket<TcpStream>,
    last: u64,
    events: Vec<Value>,
}

impl Wire {
    pub fn to(address: &str, path: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(ANSWER_TIME)).unwrap();
        let (socket, _) = tungstenite::client(format!("ws://{address}{path}"), stream).unwrap();
        Self { socket, last: 0, events: Vec::new() }
    }

    fn send(&mut self, method: &str, parameters: &Value) -> u64 {
        self.last += 1;
        let text = json!({ "id": self.last, "method": method, "params": parameters }).to_string();
        self.socket.send(Message::text(text)).unwrap();
        self.last
    }

    /// What a command answers, or what is wrong with it.
    pub fn try_call(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        let id = self.send(method, parameters);
        loop {
            let message = self.socket.read().unwrap_or_else(|error| panic!("{method}: {error}"));
            let Ok(text) = message.to_text() else { continue };
            let Ok(mut message) = serde_json::from_str::<Value>(text) else { continue };
            if message["id"] == id {
                return if message["error"].is_null() { Ok(message["result"].take()) } else { Err(message) };
            }
            if message["method"] == "Page.javascriptDialogOpening" {
                // All stands still until somebody answers.
                self.send("Page.handleJavaScriptDialog", &json!({ "accept": true }));
            }
            if message["method"].is_string() {
                self.events.push(message);
            }
        }
    }

    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.try_call(method, parameters).unwrap_or_else(|error| panic!("{method} {parameters}: {error}"))
    }
}

/// A page in a browser.
pub struct Tab {
    wire: Wire,
}

impl Tab {
    pub(super) fn of(wire: Wire) -> Self {
        let mut tab = Self { wire };
        for domain in ["Page", "Runtime", "Network", "Log"] {
            tab.call(&format!("{domain}.enable"), &json!({}));
        }
        tab.call("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }));
        tab.call("Runtime.addBinding", &json!({ "name": REPORT }));
        let script = format!(
            "addEventListener('securitypolicyviolation', e => {REPORT}(`CSP: ${{e.violatedDirective}} \
             ${{e.blockedURI}} ${{e.sourceFile}}:${{e.lineNumber}} ${{e.sample}}`));"
        );
        tab.call("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
        tab
    }

    #[track_caller]
    pub(super) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.wire.call(method, parameters)
    }

    /// Goes to a page and waits until it is there, wherever it was sent on.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        let went = self.call("Page.navigate", &json!({ "url": url }));
        assert!(went["errorText"].is_null(), "{url}: {went}");
        self.until_loaded();
    }

    /// Waits until a page is there that is none of the browser's own.
    #[track_caller]
    pub fn until_loaded(&mut self) {
        self.until("document.readyState === 'complete' && location.protocol.startsWith('http')");
    }

    /// What an expression gives; a promise is waited for.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        self.try_evaluate(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn try_evaluate(&mut self, expression: &str) -> Result<Value, Value> {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.wire.try_call("Runtime.evaluate", &asked)?;
        match answer["exceptionDetails"].take() {
            Value::Null => Ok(answer["result"]["value"].take()),
            exception => Err(exception),
        }
    }

    #[track_caller]
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.evaluate(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).to_owned()
    }

    #[track_caller]
    pub fn number(&mut self, expression: &str) -> f64 {
        let value = self.evaluate(expression);
        value.as_f64().unwrap_or_else(|| panic!("{expression} is {value}"))
    }

    /// Waits until an expression gives something that is true, and gives it. What throws is not true yet.
    #[track_caller]
    pub fn until(&mut self, expression: &str) -> Value {
        let state = || self.try_evaluate(expression).unwrap_or_else(|error| json!({ "not yet": error }));
        let is_true = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Object(object) => !object.contains_key("not yet"),
            _ => true,
        };
        until(expression, state, is_true)
    }

    /// Waits until there is an element.
    #[track_caller]
    pub fn until_there(&mut self, selector: &str) {
        self.until(&format!("document.querySelector({}) !== null", json!(selector)));
    }

    /// Where everything was asked for, so far.
    pub fn requests(&mut self) -> Vec<String> {
        self.evaluate("1"); // what happened before has been told of now
        let sent = self.wire.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.filter_map(|event| Some(event["params"]["request"]["url"].as_str()?.to_owned())).collect()
    }

    /// What a page must not do: errors on the console, exceptions, reports of the policy, dialogs, requests elsewhere.
    pub fn complaints(&mut self, own: &str) -> Vec<String> {
        let foreign = self.requests().into_iter().filter(|url| !url.starts_with(own) && url != "about:blank");
        let mut found: Vec<String> = foreign.map(|url| format!("request: {url}")).collect();
        found.extend(self.wire.events.iter().filter_map(complaint));
        found
    }

    #[track_caller]
    pub fn assert_no_complaint(&mut self, own: &str) {
        let found = self.complaints(own);
        let place = self.text("location.href");
        assert!(found.is_empty(), "{place}: {found:#?}");
    }
}

fn complaint(event: &Value) -> Option<String> {
    let told = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" if ["error", "warning", "assert"].contains(&told["type"].as_str()?) => {
            Some(format!("console: {}", told["args"]))
        }
        "Runtime.exceptionThrown" => Some(format!("exception: {}", told["exceptionDetails"])),
        "Runtime.bindingCalled" if told["name"] == REPORT => Some(told["payload"].as_str()?.to_owned()),
        "Log.entryAdded" if ["error", "warning"].contains(&told["entry"]["level"].as_str()?) => {
            Some(format!("log: {} {}", told["entry"]["text"], told["entry"]["url"]))
        }
        "Page.javascriptDialogOpening" => Some(format!("dialog: {}", told["message"])),
        _ => None,
    }
}
