//! Kafka's primitive types: <https://kafka.apache.org/protocol>.

/// A request behind its header.
pub(crate) struct Request<'a> {
    pub(crate) key: i16,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    rest: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut new = Self { key: 0, version: 0, correlation: 0, rest: bytes };
        new.key = new.int16();
        new.version = new.int16();
        new.correlation = new.int32();
        new.string();
        new
    }

    /// The topics of a request for metadata.
    pub(crate) fn strings(&mut self) -> Vec<String> {
        (0..self.int32()).map(|_| self.string()).collect()
    }

    /// The topics and partitions that are produced to.
    pub(crate) fn produced(&mut self) -> Vec<(String, Vec<i32>)> {
        // The transaction, the acknowledgements, the time-out.
        self.string();
        self.take(2 + 4);
        (0..self.int32())
            .map(|_| {
                let topic = self.string();
                let partitions = (0..self.int32()).map(|_| {
                    let partition = self.int32();
                    let length = self.int32() as usize;
                    self.take(length);
                    partition
                });
                (topic, partitions.collect())
            })
            .collect()
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(n);
        self.rest = rest;
        taken
    }

    fn int16(&mut self) -> i16 {
        i16::from_be_bytes(self.take(2).try_into().expect("two bytes"))
    }

    fn int32(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().expect("four bytes"))
    }

    /// A string; empty where it is null.
    fn string(&mut self) -> String {
        let length = usize::try_from(self.int16()).unwrap_or(0);
        String::from_utf8(self.take(length).to_vec()).expect("names are text")
    }
}

/// A response.
pub(crate) struct Response(Vec<u8>);

impl Response {
    pub(crate) fn to(correlation: i32) -> Self {
        Self(correlation.to_be_bytes().into())
    }

    pub(crate) fn int8(&mut self, value: i8) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn int16(&mut self, value: i16) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn int32(&mut self, value: i32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn int64(&mut self, value: i64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        self.int16(text.len() as i16);
        self.0.extend(text.as_bytes());
        self
    }

    pub(crate) fn null(&mut self) -> &mut Self {
        self.int16(-1)
    }

    /// With its size in front.
    pub(crate) fn framed(self) -> Vec<u8> {
        let mut framed = (self.0.len() as u32).to_be_bytes().to_vec();
        framed.extend(self.0);
        framed
    }
}
