//! A file is read as it was written, or refused with what is wrong; no octets whatever make it panic.

use super::*;
use crate::model::Model;
use proptest::prelude::*;
use serde_json::json;

/// Two inputs, one hidden unit: an attack where ln(1 + packets) + rst share is above 1.
pub fn model_file() -> ModelFile {
    let layers = vec![
        Layer { inputs: 2, outputs: 1, weights: vec![1.0, 1.0], bias: vec![0.0] },
        Layer { inputs: 1, outputs: 2, weights: vec![-1.0, 1.0], bias: vec![1.0, -1.0] },
    ];
    ModelFile { description: description(), layers }
}

pub fn description() -> Description {
    let input = |feature: &str, transform, usual| Input {
        feature: feature.to_owned(),
        transform,
        mean: 0.0,
        deviation: 1.0,
        usual,
    };
    Description {
        format: FORMAT,
        version: "1-test".to_owned(),
        training_fingerprint: "0123abcd".to_owned(),
        classes: vec!["Normal".to_owned(), "DDoS".to_owned()],
        hidden: vec![1],
        temperature: 1.0,
        thresholds: Thresholds::new(vec![0.0, 0.75]),
        inputs: vec![input("packet_count", Transform::Log1p, Some(0.5)), input("rst_share", Transform::None, None)],
        golden: Golden {
            rows: vec![vec![0.0, 0.0], vec![6.389_056, 0.0]],
            probabilities: vec![vec![0.880_797, 0.119_203], vec![0.119_203, 0.880_797]],
        },
    }
}

#[test]
fn a_model_reads_as_it_was_written() {
    let file = model_file();
    let bytes = file.to_bytes().unwrap();
    assert_eq!(ModelFile::parse(&bytes).unwrap(), file);
    assert_eq!(file.to_bytes().unwrap(), bytes, "the same octets every time");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(ModelFile::read(&path, bytes.len() as u64).unwrap(), file);
    let error = ModelFile::read(&path, bytes.len() as u64 - 1).unwrap_err();
    assert!(matches!(error, FileError::TooLarge { .. }), "{error:?}");
}

#[test]
fn a_file_without_thresholds_has_none() {
    let mut file = model_file();
    file.description.thresholds = Thresholds::default();
    let bytes = file.to_bytes().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("thresholds"), "as files were before there were any");
    assert_eq!(ModelFile::parse(&bytes).unwrap(), file);
}

#[test]
fn a_file_that_does_not_say_what_is_usual_reads_as_before() {
    let mut file = model_file();
    assert!(file.description.inputs[0].usual.is_some());
    file.description.inputs.iter_mut().for_each(|input| input.usual = None);
    let bytes = file.to_bytes().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("usual"), "as files were before reasons");
    assert_eq!(ModelFile::parse(&bytes).unwrap(), file);
}

#[test]
fn a_description_outside_its_bounds_is_refused() {
    let check = |expected: &str, damage: &dyn Fn(&mut Description)| {
        let mut file = model_file();
        damage(&mut file.description);
        let error = ModelFile::parse(&file.to_bytes().unwrap()).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    };
    check("it has format 2; this program reads format 1", &|it| it.format = 2);
    check("1 classes", &|it| it.classes.truncate(1));
    check("class \"DDoS\" is there twice", &|it| it.classes[0] = "DDoS".to_owned());
    check("is no name", &|it| it.classes[0] = "a\nb".to_owned());
    check("is no name", &|it| it.version = String::new());
    check("a layer has 0 places", &|it| it.inputs.clear());
    check("a layer has 5000 places", &|it| it.hidden = vec![5000]);
    check("40 hidden layers", &|it| it.hidden = vec![1; 40]);
    check("temperature is 0", &|it| it.temperature = 0.0);
    check("its thresholds are [0.5]", &|it| it.thresholds = Thresholds::new(vec![0.5]));
    check("its thresholds are [0.0, -1.0]", &|it| it.thresholds = Thresholds::new(vec![0.0, -1.0]));
    check("the deviation of rst_share", &|it| it.inputs[1].deviation = 0.0);
    check("the deviation of rst_share", &|it| it.inputs[1].deviation = -1.0);
    check("golden rows do not fit", &|it| it.golden.rows.clear());
    check("golden rows do not fit", &|it| it.golden.rows[0] = vec![1.0]);
    check("layer.0.weight has shape [1, 2]; its metadata gives [3, 2]", &|it| it.hidden = vec![3]);
    check("layer.2.weight is missing", &|it| it.hidden = vec![1, 2]);
}

/// A file with the given tensors and metadata, whatever they are.
fn raw_file(metadata: Option<&str>, tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, dtype, shape, octets)| {
        (*name, safetensors::tensor::TensorView::new(*dtype, shape.clone(), octets).unwrap())
    });
    let metadata = metadata.map(|text| HashMap::from([(METADATA_KEY.to_owned(), text.to_owned())]));
    safetensors::serialize(views, metadata).unwrap()
}

#[test]
fn a_file_of_someone_else_is_refused() {
    let check = |expected: &str, bytes: &[u8]| {
        let error = ModelFile::parse(bytes).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    };
    let text = serde_json::to_string(&description()).unwrap();
    let mut infinite = model_file();
    infinite.layers[1].weights[1] = f32::INFINITY;
    let mut longer = model_file();
    longer.layers.push(Layer { inputs: 1, outputs: 1, weights: vec![0.0], bias: vec![0.0] });
    check("does not belong to a network of 2 layers", &longer.to_bytes().unwrap());
    let halves = [
        ("layer.0.weight", Dtype::F16, vec![1, 2], vec![0; 4]),
        ("layer.0.bias", Dtype::F32, vec![1], vec![0; 4]),
        ("layer.1.weight", Dtype::F32, vec![2, 1], vec![0; 8]),
        ("layer.1.bias", Dtype::F32, vec![2], vec![0; 8]),
    ];
    let names: Vec<String> = (0..65).map(|index| index.to_string()).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), Dtype::U8, vec![0], Vec::new())).collect();
    let unknown_field = json!({"format": 1, "surprise": true}).to_string();
    check("not an undamaged safetensors file", b"");
    check("not an undamaged safetensors file", b"\x05\0\0\0\0\0\0\0{}");
    check("its header says it has", &[0xff; 64]);
    let huge = text.replacen("\"mean\":0.0", "\"mean\":1e39", 1);
    check("the mean of packet_count is not a finite number", &raw_file(Some(&huge), &[]));
    let huge = text.replacen("\"usual\":0.5", "\"usual\":1e39", 1);
    check("the usual value of packet_count is not a finite number", &raw_file(Some(&huge), &[]));
    check("no metadata", &raw_file(None, &[]));
    check("metadata \"flowsentry\" cannot be read", &raw_file(Some("[]"), &[]));
    check("metadata \"flowsentry\" cannot be read", &raw_file(Some(&unknown_field), &[]));
    check("layer.0.weight is missing", &raw_file(Some(&text), &[]));
    check("it holds 65 tensors", &raw_file(Some(&text), &many));
    check("has type F16", &raw_file(Some(&text), &halves));
    check("a value of tensor layer.1.weight is not a finite number", &infinite.to_bytes().unwrap());
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(ModelFile::parse(&bytes).is_err());
    }

    /// A header of any length before JSON whose numbers, names and shapes were changed.
    #[test]
    fn no_header_makes_it_panic(
        length in prop::option::of(any::<u64>()),
        numbers in prop::collection::vec((any::<prop::sample::Index>(), "-?[0-9]{1,20}|1e40|null|\\[\\]|\"\\PC{0,9}\"|\\{"), 1..4),
    ) {
        let bytes = model_file().to_bytes().unwrap();
        let (size, rest) = bytes.split_first_chunk::<8>().unwrap();
        let (json, weights) = rest.split_at(usize::try_from(u64::from_le_bytes(*size)).unwrap());
        let mut json = String::from_utf8(json.to_vec()).unwrap();
        for (index, with) in numbers {
            let digits: Vec<usize> = json.char_indices().filter(|(_, sign)| sign.is_ascii_digit()).map(|(at, _)| at).collect();
            let at = *index.get(&digits);
            json.replace_range(at..=at, &with);
        }
        let length = length.unwrap_or(json.len() as u64);
        let damaged = [&length.to_le_bytes()[..], json.as_bytes(), weights].concat();
        let _ = ModelFile::parse(&damaged).and_then(|file| Model::new(&file));
    }

    #[test]
    fn no_damage_makes_it_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = model_file().to_bytes().unwrap();
        for (index, octet) in damage {
            let index = index.index(bytes.len());
            bytes[index] = octet;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        // Either it is refused, or it computes what its golden rows say.
        let _ = ModelFile::parse(&bytes).and_then(|file| Model::new(&file));
    }
}
