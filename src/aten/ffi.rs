//! The C functions of the bridge's `.cpp` files.

use std::ffi::{c_char, c_int, c_void};

unsafe extern "C" {
    pub(super) fn ls_version() -> *const c_char;
    pub(super) fn ls_error() -> *const c_char;
    pub(super) fn ls_operator(name: *const c_char, overload: *const c_char) -> *mut c_void;
    pub(super) fn ls_operator_free(op: *mut c_void);
    pub(super) fn ls_parameters(op: *const c_void) -> usize;
    pub(super) fn ls_returns(op: *const c_void) -> usize;
    pub(super) fn ls_parameter_name(op: *const c_void, index: usize) -> *const c_char;
    pub(super) fn ls_parameter_written(op: *const c_void, index: usize) -> c_int;
    pub(super) fn ls_return_aliases(op: *const c_void, result: usize, parameter: usize) -> c_int;
    pub(super) fn ls_call(op: *const c_void) -> *mut c_void;
    pub(super) fn ls_call_free(call: *mut c_void);
    pub(super) fn ls_none(call: *mut c_void);
    pub(super) fn ls_bool(call: *mut c_void, value: c_int);
    pub(super) fn ls_int(call: *mut c_void, value: i64);
    pub(super) fn ls_float(call: *mut c_void, value: f64);
    pub(super) fn ls_string(call: *mut c_void, value: *const c_char);
    pub(super) fn ls_tensor(call: *mut c_void, value: *const c_void);
    pub(super) fn ls_list(call: *mut c_void, length: usize);
    pub(super) fn ls_bind(call: *mut c_void, parameter: usize) -> c_int;
    pub(super) fn ls_run(call: *mut c_void) -> c_int;
    pub(super) fn ls_results(call: *const c_void) -> usize;
    pub(super) fn ls_result_kind(call: *const c_void, index: usize, item: i64) -> c_int;
    pub(super) fn ls_result_length(call: *const c_void, index: usize) -> usize;
    pub(super) fn ls_result_int(call: *const c_void, index: usize, item: i64) -> i64;
    pub(super) fn ls_result_float(call: *const c_void, index: usize, item: i64) -> f64;
    pub(super) fn ls_result_tensor(call: *const c_void, index: usize, item: i64) -> *mut c_void;
    pub(super) fn ls_tensor_free(tensor: *mut c_void);
    pub(super) fn ls_tensor_over(
        data: *mut c_void,
        sizes: *const i64,
        strides: *const i64,
        dimensions: usize,
        dtype: c_int,
        owner: *mut c_void,
        release: extern "C" fn(*mut c_void),
    ) -> *mut c_void;
    pub(super) fn ls_gate(input: *const c_void, output: *const c_void, rule: c_int) -> *mut c_void;
    pub(super) fn ls_script_load(path: *const c_char) -> *mut c_void;
    pub(super) fn ls_script_free(script: *mut c_void);
    pub(super) fn ls_script_description(script: *const c_void) -> *const c_char;
    pub(super) fn ls_script_record(
        script: *mut c_void,
        sizes: *const i64,
        dimensions: usize,
        dtype: c_int,
    ) -> *mut c_void;
    pub(super) fn ls_recorded_free(recorded: *mut c_void);
    pub(super) fn ls_recorded_json(recorded: *const c_void) -> *const c_char;
    pub(super) fn ls_recorded_weights(recorded: *const c_void) -> usize;
    pub(super) fn ls_recorded_weight(recorded: *const c_void, index: usize) -> *mut c_void;
}
