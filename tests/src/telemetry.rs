//! JSON telemetry, made deterministically: what a sensor node sends.

use core::fmt::Write;

/// A generator of messages.
#[derive(Clone, Debug)]
pub struct Telemetry {
    random: Random,
    sequence: u32,
    time: u64,
}

impl Telemetry {
    /// The same messages for the same `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            sequence: 1000,
            time: 1_767_225_600_000,
        }
    }

    /// A reading, of about 160 octets.
    pub fn reading(&mut self) -> String {
        let mut text = String::new();
        self.write_reading(&mut text);
        text
    }

    /// A report of several sensors, of about 811 octets.
    pub fn report(&mut self) -> String {
        self.list(7, "report")
    }

    /// A batch of readings, of about 3.6 KB.
    pub fn batch(&mut self) -> String {
        self.list(24, "batch")
    }

    fn list(&mut self, count: u32, kind: &str) -> String {
        let mut text = String::new();
        let station = self.random.below(9);
        write!(
            text,
            r#"{{"type":"{kind}","station":"roof-{station}","uptime":{},"readings":["#,
            self.time / 1000 % 1_000_000
        )
        .expect("a string takes all");
        for i in 0..count {
            if i > 0 {
                text.push(',');
            }
            if kind == "batch" {
                self.write_reading(&mut text);
            } else {
                self.write_value(&mut text);
            }
        }
        text.push_str("]}");
        text
    }

    fn write_reading(&mut self, text: &mut String) {
        self.sequence += 1;
        self.time += 900 + u64::from(self.random.below(200));
        let random = &mut self.random;
        write!(
            text,
            r#"{{"device":"sensor-{:04}","seq":{},"ts":{},"temperature":{}.{:02},"humidity":{}.{},"pressure":{}.{:02},"battery":{},"rssi":-{},"status":"{}"}}"#,
            random.below(32),
            self.sequence,
            self.time,
            18 + random.below(8),
            random.below(100),
            40 + random.below(20),
            random.below(10),
            1005 + random.below(15),
            random.below(100),
            3300 + random.below(500),
            45 + random.below(40),
            ["ok", "ok", "ok", "ok", "low-battery", "calibrating"]
                [random.below(6) as usize],
        )
        .expect("a string takes all");
    }

    fn write_value(&mut self, text: &mut String) {
        self.time += 20;
        let random = &mut self.random;
        write!(
            text,
            r#"{{"name":"{}","unit":"{}","value":{}.{:03},"min":{},"max":{},"ts":{},"ok":{}}}"#,
            [
                "temperature",
                "humidity",
                "pressure",
                "wind-speed",
                "rain",
                "light"
            ][random.below(6) as usize],
            ["C", "%", "hPa", "m/s", "mm", "lx"][random.below(6) as usize],
            random.below(1000),
            random.below(1000),
            random.below(100),
            900 + random.below(100),
            self.time,
            random.below(10) > 0,
        )
        .expect("a string takes all");
    }
}

/// Marsaglia's xorshift: the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same numbers for the same `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        (((self.number() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// Octets without a pattern.
    pub fn octets(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.number() >> 32) as u8).collect()
    }
}
