//! Calls that make a space.

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
};

use optiformer_ffi::space::*;

use super::{MAX_PARAMETERS, Session};

impl Session<'_> {
    pub(super) fn new_space(&mut self) {
        let mut space = ptr::null_mut();
        // SAFETY: the places live; the old space is freed once.
        let status = unsafe {
            optiformer_space_free(self.space);
            optiformer_space_new(&mut space, &mut self.error)
        };
        assert!(self.check(status));
        (self.space, self.parameters) = (space, 0);
    }

    pub(super) fn added(&mut self, status: i32) {
        if self.check(status) {
            self.parameters += 1;
        }
        // SAFETY: the space is null or lives.
        assert_eq!(unsafe { optiformer_space_count(self.space) }, self.parameters);
    }

    pub(super) fn add_float(&mut self) {
        if self.parameters >= MAX_PARAMETERS {
            return;
        }
        let (name, low, high) = (self.text(), self.number(), self.number());
        let (log, step) = (i32::from(self.byte() % 2), self.number());
        // SAFETY: the space is null or lives, and so do text and error.
        let status = unsafe {
            let error = &mut self.error;
            optiformer_space_add_float(self.space, name.as_ptr(), low, high, log, step, error)
        };
        self.added(status);
    }

    pub(super) fn add_int(&mut self) {
        if self.parameters >= MAX_PARAMETERS {
            return;
        }
        let name = self.text();
        let mut int = || i64::from(self.byte() as i8) << (self.byte() % 64);
        let (low, high) = (int(), int());
        let (log, step) = (i32::from(self.byte() % 2), i64::from(self.byte() as i8));
        // SAFETY: as above.
        let status = unsafe {
            let error = &mut self.error;
            optiformer_space_add_int(self.space, name.as_ptr(), low, high, log, step, error)
        };
        self.added(status);
    }

    pub(super) fn add_categorical(&mut self) {
        if self.parameters >= MAX_PARAMETERS {
            return;
        }
        let name = self.text();
        let count = self.count(8);
        let texts: Vec<CString> = (0..count).map(|_| self.text()).collect();
        let choices: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        // SAFETY: as above; `count` texts live.
        let status = unsafe {
            let (choices, error) = (choices.as_ptr(), &mut self.error);
            optiformer_space_add_categorical(self.space, name.as_ptr(), choices, count, error)
        };
        self.added(status);
    }

    pub(super) fn set_condition(&mut self) {
        let (name, parent, count) = (self.text(), self.text(), self.count(4));
        let values = self.numbers(count);
        // SAFETY: as above; `count` values live.
        let status = unsafe {
            let (name, parent, values) = (name.as_ptr(), parent.as_ptr(), values.as_ptr());
            let error = &mut self.error;
            optiformer_space_set_condition(self.space, name, parent, values, count, error)
        };
        self.check(status);
    }

    pub(super) fn set_fidelity(&mut self) {
        let name = self.text();
        // SAFETY: as above.
        let status =
            unsafe { optiformer_space_set_fidelity(self.space, name.as_ptr(), &mut self.error) };
        self.check(status);
    }

    /// Every name of the space, and the space as JSON, which is read again.
    pub(super) fn space_texts(&mut self) {
        let space = self.space;
        for index in 0..=self.parameters {
            // SAFETY: the space is null or lives; the buffer is as long as it is said to be, here
            // and below.
            let name = self.written(|buffer, capacity, needed, error| unsafe {
                optiformer_space_name(space, index, buffer, capacity, needed, error)
            });
            assert_eq!(name.is_some(), index < self.parameters);
        }
        // SAFETY: as above.
        let json = self.written(|buffer, capacity, needed, error| unsafe {
            optiformer_space_to_json(space, buffer, capacity, needed, error)
        });
        assert_eq!(json.is_some(), self.parameters > 0);
        if let Some(json) = json {
            assert!(self.replace_space(&json), "a space does not read its own JSON");
            let count = self.parameters;
            // SAFETY: the space lives.
            assert_eq!(unsafe { optiformer_space_count(self.space) }, count);
        }
    }

    /// A space from a text of the input.
    pub(super) fn space_from_json(&mut self) {
        let length = self.count(255).min(self.data.len());
        let bytes: Vec<u8> = self.data[..length].iter().copied().filter(|it| *it != 0).collect();
        self.data = &self.data[length..];
        let text = CString::new(bytes).expect("the zeros are left out");
        self.replace_space(&text);
    }

    fn replace_space(&mut self, json: &CStr) -> bool {
        let mut space = ptr::null_mut();
        // SAFETY: text and places live; the old space is freed once.
        unsafe {
            let status = optiformer_space_from_json(json.as_ptr(), &mut space, &mut self.error);
            if !self.check(status) {
                return false;
            }
            let count = optiformer_space_count(space);
            if count > MAX_PARAMETERS {
                optiformer_space_free(space);
            } else {
                optiformer_space_free(self.space);
                (self.space, self.parameters) = (space, count);
            }
        }
        true
    }
}
