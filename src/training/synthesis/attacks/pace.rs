//! When an attack's packets go out: its span in the scene and its rhythm.

use crate::training::synthesis::Scene;

/// From when to when something goes on, in seconds of the scene.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The first of it.
    pub begin: f64,
    /// Nothing of it begins later.
    pub end: f64,
}

impl Span {
    /// Begun before one looks or later, over before the scene or not.
    pub fn draw(scene: &mut Scene) -> Self {
        let length = scene.length();
        let begin = if scene.chance(0.35) { 0.0 } else { scene.between(0.0, 0.6 * length) };
        let lasts = if scene.chance(0.6) { 1.0 } else { scene.about(0.05, 1.0) };
        Self { begin, end: begin + lasts * (length - begin) }
    }
}

/// Events at a mean rate, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    rate: f64,
    rhythm: Rhythm,
    left: usize,
}

#[derive(Clone, Copy, Debug)]
enum Rhythm {
    /// Like a clock, off by this part of a step at most.
    Steady(f64),
    /// As a Poisson process.
    Random,
    /// So many at once, then a pause.
    Bursts(usize),
}

impl Pace {
    /// So many a second, uniform in the logarithm, in any rhythm.
    pub fn draw(scene: &mut Scene, slowest: f64, fastest: f64) -> Self {
        let rate = scene.about(slowest, fastest);
        let rhythm = match scene.below(3) {
            0 => Rhythm::Steady(scene.between(0.0, 0.7)),
            1 => Rhythm::Random,
            _ => Rhythm::Bursts(if rate > 20.0 { scene.count(2, 100) } else { scene.count(2, 5) }),
        };
        Self { rate, rhythm, left: 0 }
    }

    /// Seconds to the next event.
    pub fn step(&mut self, scene: &mut Scene) -> f64 {
        match self.rhythm {
            Rhythm::Steady(off) => (1.0 + scene.between(-off, off)) / self.rate,
            Rhythm::Random => scene.wait(self.rate),
            Rhythm::Bursts(size) if self.left == 0 => {
                self.left = size;
                size as f64 / self.rate * scene.between(0.6, 1.4)
            }
            Rhythm::Bursts(_) => {
                self.left -= 1;
                scene.about(0.000_005, 0.000_5)
            }
        }
    }
}
