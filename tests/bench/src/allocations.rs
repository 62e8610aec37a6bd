//! How often the heap was asked for memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[global_allocator]
static COUNTING: Counting = Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

struct Counting;

/// Allocations so far, of the thread that measures: what it talks to over TCP asks for none.
pub fn count() -> u64 {
    COUNT.load(Relaxed)
}

/// A load and a store cost the libraries that allocate less than an atomic addition would.
fn counted() {
    COUNT.store(COUNT.load(Relaxed) + 1, Relaxed);
}

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        counted();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        counted();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, octets: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        counted();
        unsafe { System.realloc(octets, layout, len) }
    }

    unsafe fn dealloc(&self, octets: *mut u8, layout: Layout) {
        unsafe { System.dealloc(octets, layout) }
    }
}
