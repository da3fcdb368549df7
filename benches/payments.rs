//! The load of the benchmarks: seeded card payments, 225 bytes of JSON each, and the pipeline that learns them.

/// One payment.
pub(crate) struct Payment {
    #[allow(dead_code, reason = "not every benchmark needs the key")]
    pub(crate) customer: u64,
    pub(crate) json: String,
    #[allow(dead_code, reason = "not every benchmark reads CSV")]
    pub(crate) csv: String,
}

/// The same payments at every run.
pub(crate) fn payments(count: usize) -> impl Iterator<Item = Payment> {
    let mut state = 42_u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count).map(move |id| {
        let customer = (uniform() * 5_000.0) as u64;
        let terminal = (uniform() * 10_000.0) as u64;
        let amount = -60.0 * (1.0 - uniform()).ln();
        let f: Vec<f64> = (0..10).map(|_| uniform() + uniform() + uniform() + uniform() - 2.0).collect();
        let z = -4.0 + amount / 80.0 + 2.0 * f[0] - 1.4 * f[1] + f[2] * f[3];
        let fraud = u8::from(uniform() < 1.0 / (1.0 + (-z).exp()));
        let ts = 1_700_000_000_000_u64 + id as u64 * 36;
        let named: Vec<String> = f.iter().enumerate().map(|(index, f)| format!("\"f{}\":{f:.5}", index + 1)).collect();
        let bare: Vec<String> = f.iter().map(|f| format!("{f:.5}")).collect();
        Payment {
            customer,
            json: format!(
                r#"{{"id":{id},"ts":{ts},"customer":{customer},"terminal":{terminal},"amount":{amount:.2},{},"fraud":{fraud}}}"#,
                named.join(",")
            ),
            csv: format!("{id},{ts},{customer},{amount:.2},{},{fraud}", bare.join(",")),
        }
    })
}

/// A logistic regression that learns from every payment.
#[allow(dead_code, reason = "not every benchmark runs it")]
pub(crate) fn document(input: &str, format: &str, more: &str) -> String {
    format!(
        "name: bench
input:
  {input}
  format: {format}
  columns: {{id: int64, ts: {{timestamp: {{unit: ms}}}}, customer: int64, amount: float64, f1: float64, f2: float64,
            f3: float64, f4: float64, f5: float64, f6: float64, f7: float64, f8: float64, f9: float64, f10: float64,
            fraud: int64}}
  id: id
  time: ts
features: [amount, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10]
label: {{column: fraud}}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy, roc_auc]
{more}
"
    )
}
