//! Weights files, whole, damaged and hostile.

use optiformer::{
    ErrorKind,
    model::{Config, Metadata, Model, Precision, Weights},
};

fn tiny() -> Config {
    Config { hidden_size: 8, layers: 1, heads: 2, feed_forward_size: 12, ..Config::pico() }
}

/// The same with rows of trials.
fn tiny_of_trials() -> Config {
    Config { slots: 3, value_features: 5, ..tiny() }
}

fn file() -> Vec<u8> {
    file_of(&tiny(), Precision::F32)
}

fn file_of(config: &Config, precision: Precision) -> Vec<u8> {
    Weights::random(config, 1).to_bytes(config, &Metadata::default(), precision).unwrap()
}

/// The file with its JSON header replaced by what `change` makes of it.
fn with_header(change: impl Fn(&str) -> String) -> Vec<u8> {
    change_header(&file(), change)
}

fn change_header(bytes: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = change(std::str::from_utf8(&bytes[8..8 + length]).unwrap());
    let mut changed = (header.len() as u64).to_le_bytes().to_vec();
    changed.extend(header.as_bytes());
    changed.extend(&bytes[8 + length..]);
    changed
}

fn refused(bytes: &[u8], part: &str) {
    let error = Model::from_bytes(bytes).expect_err(part);
    assert_eq!(error.kind(), ErrorKind::InvalidWeights, "{error}");
    assert!(error.context().contains(part), "\"{part}\" is not in: {error}");
}

#[test]
fn weights_come_back_in_every_precision() {
    let config = tiny();
    let weights = Weights::random(&config, 1);
    let metadata = Metadata { training: String::from("{\"steps\":3}"), ..Metadata::default() };
    let bytes = weights.to_bytes(&config, &metadata, Precision::F32).unwrap();
    assert_eq!(
        Weights::from_bytes(&bytes).unwrap(),
        (config.clone(), metadata.clone(), weights.clone())
    );
    let bytes = weights.to_bytes(&config, &metadata, Precision::F16).unwrap();
    let (_, _, half) = Weights::from_bytes(&bytes).unwrap();
    for (have, want) in half.embedding.iter().zip(&weights.embedding) {
        assert!((have - want).abs() < 1e-3);
    }
    let bytes = weights.to_bytes(&config, &metadata, Precision::Int8).unwrap();
    let (_, _, coarse) = Weights::from_bytes(&bytes).unwrap();
    assert_eq!(coarse.norm, weights.norm);
    for (have, want) in coarse.embedding.iter().zip(&weights.embedding) {
        // Random weights lie between ±1: half of a 127th.
        assert!((have - want).abs() < 0.004);
    }
    // Quantized once is quantized for good.
    assert_eq!(coarse.to_bytes(&config, &metadata, Precision::Int8).unwrap().len(), bytes.len());
    let stored = Model::from_bytes(&bytes).unwrap();
    let computed = Model::new(config, metadata, &coarse, Precision::Int8);
    assert_eq!(stored.precision(), computed.precision());
}

#[test]
fn bytes_and_their_scales_are_checked() {
    let config = tiny();
    let weights = Weights::random(&config, 1);
    let bytes = weights.to_bytes(&config, &Metadata::default(), Precision::Int8).unwrap();
    Model::from_bytes(&bytes).unwrap();
    let mut damaged = bytes.clone();
    damaged[offset(&bytes, "model.layers.0.mlp.up_proj.weight") + 3] = 0x80;
    refused(&damaged, "mlp.up_proj.weight: byte 3 is -128");
    let mut damaged = bytes.clone();
    let scale = offset(&bytes, "lm_head.weight_scale");
    damaged[scale + 4..scale + 8].copy_from_slice(&f32::NAN.to_le_bytes());
    refused(&damaged, "lm_head.weight: scale 1");
}

#[test]
fn tables_of_trials_come_back_in_every_precision() {
    let config = tiny_of_trials();
    let weights = Weights::random(&config, 1);
    let tables = weights.trials.as_ref().unwrap();
    assert_eq!((tables.slots.len(), tables.values.len()), (3 * 8 * 5, 1200 * 5));
    for (precision, most) in
        [(Precision::F32, 0.0), (Precision::F16, 1e-3), (Precision::Int8, 0.005)]
    {
        let bytes = file_of(&config, precision);
        let (read, metadata, again) = Weights::from_bytes(&bytes).unwrap();
        assert_eq!((&read, &metadata), (&config, &Metadata::default()));
        let again = again.trials.unwrap();
        for (have, want) in [(&again.slots, &tables.slots), (&again.values, &tables.values)] {
            assert_eq!(have.len(), want.len());
            assert!(have.iter().zip(want).all(|(have, want)| (have - want).abs() <= most));
        }
        assert_eq!(Model::from_bytes(&bytes).unwrap().config(), &config);
        for length in (0..bytes.len()).step_by(997) {
            assert!(Model::from_bytes(&bytes[..length]).is_err());
        }
    }
    let mut without = weights.clone();
    without.trials = None;
    assert!(without.to_bytes(&config, &Metadata::default(), Precision::F32).is_err());
    assert!(weights.to_bytes(&tiny(), &Metadata::default(), Precision::F32).is_err());
    let mut short = weights;
    short.trials.as_mut().unwrap().values.pop();
    let error = short.to_bytes(&config, &Metadata::default(), Precision::F32).unwrap_err();
    assert!(error.context().contains("trials.values.weight: 5999 numbers"), "{error}");
}

#[test]
fn lies_about_trials_are_found_out() {
    let bytes = file_of(&tiny_of_trials(), Precision::F32);
    let refuse = |from: &str, to: &str, part: &str| {
        let changed = change_header(&bytes, |header| {
            assert!(header.contains(from), "{from} is not in {header}");
            header.replacen(from, to, 1)
        });
        refused(&changed, part);
    };
    let sequence = r#""sequence":"trials""#;
    refuse(sequence, r#""sequence":"tokens""#, "metadata \"sequence\": \"tokens\"");
    refuse(sequence, r#""sequence":"verses""#, "metadata \"sequence\": \"verses\"");
    // A file that says nothing is of tokens.
    refuse(sequence, r#""sequenze":"trials""#, "metadata \"sequence\": \"tokens\"");
    refuse(r#"\"trial_slots\":3"#, r#"\"trial_slots\":0"#, "trial_slots");
    refuse(r#"\"trial_slots\":3"#, r#"\"trial_slots\":4"#, "trials.slots.weight has shape");
    refuse(r#"\"trial_slots\":3"#, r#"\"trial_slots\":99999999999"#, "trial_slots 99999999999");
    for (slots, part) in [
        ("2", "trial_prediction_slots 2"),
        ("99999999999", "trial_prediction_slots 99999999999"),
        ("3", "trials.slots.weight has shape [24, 5], not [48, 5]"),
    ] {
        let to = format!(r#"\"trial_features\":5,\"trial_prediction_slots\":{slots}"#);
        refuse(r#"\"trial_features\":5"#, &to, part);
    }
    refuse(r#"\"trial_features\":5"#, r#"\"trial_features\":6"#, "has shape [24, 5], not [24, 6]");
    refuse(r#"\"trial_features\":5"#, r#"\"trial_features\":4000000000"#, "trial_features");
    refuse(
        r#""trials.values.weight""#,
        r#""trials.values.wieght""#,
        "trials.values.weight is missing",
    );
    // Counted in trials, which come behind the rows of the context.
    let context = r#""trained_context":"512""#;
    for (number, good) in [("0", false), ("1", true), ("2039", true), ("2040", false)] {
        let changed = change_header(&bytes, |header| {
            assert!(header.contains(context));
            header.replacen(context, &format!(r#""trained_context":"{number}""#), 1)
        });
        if good {
            Model::from_bytes(&changed).unwrap();
        } else {
            refused(&changed, "trained_context");
        }
    }
    // Entries stand in any order, so that the one may be the last.
    let tokens = with_header(|header| {
        let without = header.replacen(r#""sequence":"tokens","#, "", 1);
        without.replacen(r#","sequence":"tokens""#, "", 1)
    });
    assert!(tokens.len() < file().len());
    Model::from_bytes(&tokens).unwrap();
}

#[test]
fn every_truncation_is_refused() {
    let bytes = file();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let lengths =
        (0..header + 64).chain((header..bytes.len()).step_by(997)).chain([bytes.len() - 1]);
    for length in lengths {
        let error = Model::from_bytes(&bytes[..length]).expect_err("a truncated file");
        assert_eq!(error.kind(), ErrorKind::InvalidWeights);
        assert!(error.context().contains("byte"), "{error}");
    }
}

#[test]
fn flipped_header_bytes_never_panic() {
    let bytes = file();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for place in 0..header {
        for flip in [0x01, 0x20, 0x80] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            // Some flips only change a text; whatever loads must have the right shape.
            if let Ok(model) = Model::from_bytes(&damaged) {
                assert_eq!(model.config().hidden_size, 8);
            }
        }
    }
}

#[test]
fn lies_are_found_out() {
    let replace = |from: &'static str, to: &'static str| {
        with_header(move |header| {
            assert!(header.contains(from), "{from} is not in {header}");
            header.replacen(from, to, 1)
        })
    };
    refused(&replace(r#"\"hidden_size\":8"#, r#"\"hidden_size\":9"#), "num_attention_heads");
    refused(&replace(r#"\"hidden_size\":8"#, r#"\"hidden_size\":16"#), "shape");
    refused(&replace(r#"\"hidden_size\":8"#, r#"\"hidden_size\":8000000000"#), "hidden_size");
    refused(&replace(r#"\"num_hidden_layers\":1"#, r#"\"num_hidden_layers\":2"#), "missing");
    refused(&replace(r#"\"vocab_size\":1200"#, r#"\"vocab_size\":0"#), "vocab_size");
    refused(&replace(r#"\"rms_norm_eps\""#, r#"\"rms_norm_epz\""#), "rms_norm_eps");
    refused(&replace(r#""format_version":"1""#, r#""format_version":"2""#), "format_version 2");
    refused(&replace(r#""format_version":"1""#, r#""format_version":"x""#), "format_version");
    refused(
        &replace(r#""score_temperature":"1""#, r#""score_temperature":"-1""#),
        "score_temperature",
    );
    refused(
        &replace(r#""trained_context":"512""#, r#""trained_context":"9999""#),
        "trained_context",
    );
    refused(&replace("\"model.norm.weight\"", "\"model.norm.wieght\""), "model.norm.weight");
    refused(&with_header(|_| String::from("{}")), "metadata");
    refused(&u64::MAX.to_le_bytes(), "byte");
    refused(b"", "byte");
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let config = tiny();
    for value in [f32::NAN, f32::INFINITY] {
        let mut weights = Weights::random(&config, 1);
        weights.layers[0].down[5] = value;
        for precision in [Precision::F32, Precision::F16, Precision::Int8] {
            let error = weights.to_bytes(&config, &Metadata::default(), precision).unwrap_err();
            assert!(error.context().contains("mlp.down_proj.weight: number 5"), "{error}");
        }
        let mut bytes = file();
        let place = offset(&bytes, "model.layers.0.mlp.down_proj.weight") + 4 * 5;
        bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
        refused(&bytes, "mlp.down_proj.weight: number 5");
    }
    let mut weights = Weights::random(&config, 1);
    weights.norm[0] = 1e6;
    assert!(weights.to_bytes(&config, &Metadata::default(), Precision::F16).is_err());
    // What next to nothing is quantized to is read again.
    weights.layers[0].up.fill(1e-38);
    let bytes = weights.to_bytes(&config, &Metadata::default(), Precision::Int8).unwrap();
    Model::from_bytes(&bytes).unwrap();
}

/// Where a tensor's numbers begin.
fn offset(bytes: &[u8], name: &str) -> usize {
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let json: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    8 + header + json[name]["data_offsets"][0].as_u64().unwrap() as usize
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Model::open("no/such/model.safetensors").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.context().contains("no/such/model.safetensors"));
}

#[test]
fn presets_have_the_sizes_they_promise() {
    let millions = |name: &str| Config::preset(name).unwrap().parameters() as f64 / 1e6;
    for (name, size) in
        [("pico", 1.36), ("nano", 6.9), ("small", 19.8), ("base", 51.6), ("large", 152.9)]
    {
        assert!((millions(name) - size).abs() < 0.1, "{name} has {}", millions(name));
    }
    assert!(Config::preset("huge").unwrap_err().context().contains("nano"));
    let config = Config::nano();
    assert_eq!(Config::from_json(&config.to_json()).unwrap(), config);
}

#[test]
fn a_folder_of_hugging_face_opens_and_what_is_not_like_ours_is_named() {
    let config = tiny();
    let folder = std::env::temp_dir().join(format!("optiformer-folder-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let weights = Weights::random(&config, 1);
    let bytes = weights.to_bytes(&config, &Metadata::default(), Precision::F32).unwrap();
    std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&config.to_json()).unwrap();
    // As transformers 5 writes it.
    json["rope_parameters"] = serde_json::json!({"rope_theta": 10000.0, "rope_type": "default"});
    let object = json.as_object_mut().unwrap();
    for field in ["rope_theta", "tie_word_embeddings"] {
        object.remove(field);
    }
    let file = folder.join("config.json");
    std::fs::write(&file, json.to_string()).unwrap();
    let model = Model::open_folder(Precision::Int8, &folder).unwrap();
    assert_eq!(model.config(), &config);
    for (field, value) in [
        ("num_key_value_heads", serde_json::json!(1)),
        ("attention_bias", serde_json::json!(true)),
        ("hidden_act", serde_json::json!("gelu")),
        ("rope_scaling", serde_json::json!({"rope_type": "linear", "factor": 2.0})),
    ] {
        let mut other = json.clone();
        other[field] = value;
        std::fs::write(&file, other.to_string()).unwrap();
        let error = Model::open_folder(Precision::F32, &folder).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidWeights);
        assert!(error.context().contains(field), "{error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
