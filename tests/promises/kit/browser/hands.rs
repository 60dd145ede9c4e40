//! What a person does to a page: keys, clicks, and how large and bright their screen is.

use serde_json::{Value, json};

use super::Tab;

/// How somebody has set up their system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Theme {
    Dark,
    Light,
}

impl Theme {
    pub const ALL: [Self; 2] = [Self::Dark, Self::Light];

    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }
}

impl Tab {
    /// A screen of this size, in pixels of CSS; of a phone where it is narrow.
    pub fn screen(&mut self, width: u32, height: u32) {
        let is_phone = width < 600;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Dark or light, and nothing moves.
    pub fn theme(&mut self, theme: Theme) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": theme.name() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Presses a key: a character, or `Tab`, `Enter`, `Escape`.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            _ => (key.to_uppercase().bytes().next().map_or(0, u32::from), key),
        };
        let mut event = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
        if !text.is_empty() {
            event["text"] = Value::from(text);
        }
        self.call("Input.dispatchKeyEvent", &event);
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", &up);
    }

    /// Clicks into the middle of an element, which must be seen there.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        self.until_there(selector);
        let place = self.evaluate(&format!(
            "(() => {{ const e = document.querySelector({0}); e.scrollIntoView({{ block: 'center' }});
                const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
                const top = document.elementFromPoint(x, y);
                return {{ x, y, is_seen: e === top || e.contains(top) || (top !== null && top.contains(e)) }} }})()",
            json!(selector)
        ));
        assert_eq!(place["is_seen"], true, "{selector} cannot be clicked: {place}");
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Writes into a field, in place of what it has.
    #[track_caller]
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.until_there(selector);
        self.evaluate(&format!(
            "(() => {{ const e = document.querySelector({}); e.focus(); if (e.select) e.select() }})()",
            json!(selector)
        ));
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Whether nothing of the page lies beside the screen.
    #[track_caller]
    pub fn assert_fits_in_width(&mut self) {
        let (wide, screen, place) = (
            self.number("document.documentElement.scrollWidth"),
            self.number("document.documentElement.clientWidth"),
            self.text("location.href"),
        );
        let beyond = self.evaluate(
            "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > \
             document.documentElement.clientWidth + 1).slice(0, 5).map(e => e.tagName + '#' + e.id + '.' + \
             e.getAttribute('class'))",
        );
        assert!(wide <= screen, "{place} is {wide} wide on a screen of {screen}: {beyond}");
    }
}
