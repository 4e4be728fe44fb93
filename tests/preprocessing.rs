//! What is done to a picture before a network sees it, against Pillow, torchvision and Keras.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use layerscope::model::Preprocessing;
use layerscope::model::preprocess::Region;
use layerscope::model::{InputTensor, Layout};
use layerscope::picture::{NpyArray, load::load_picture};
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn spec(text: &str) -> Preprocessing {
    text.parse().unwrap()
}

fn message(text: &str) -> String {
    text.parse::<Preprocessing>().unwrap_err().to_string()
}

/// The largest difference in levels between a picture and an H×W×3 array.
fn levels_apart(picture: &RgbImage, golden: &NpyArray) -> f32 {
    assert_eq!(golden.shape, [picture.height() as usize, picture.width() as usize, 3]);
    let pairs = picture.as_raw().iter().zip(&golden.data);
    pairs.map(|(level, golden)| (f32::from(*level) - golden).abs()).fold(0.0, f32::max)
}

#[test]
fn resizing_gives_pillows_bytes() {
    let picture = load_picture(&fixture("resize/picture.png")).unwrap();
    let mut cases = 0;
    for entry in std::fs::read_dir(fixture("resize")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let Some((filter, size)) = name.split_once('_') else { continue };
        let seen = spec(&format!("resize={size},interpolation={filter}")).view(&picture).unwrap();
        let apart = levels_apart(&seen, &NpyArray::open(&path).unwrap());
        assert!(apart == 0.0, "{name}: {apart} levels");
        cases += 1;
    }
    assert!(cases >= 9, "only {cases} golden files");
}

#[test]
fn resize_and_crop_take_the_same_pixels_as_pillow_and_torchvision() {
    let golden: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(fixture("picture/golden.json")).unwrap()).unwrap();
    let picture = load_picture(&fixture("resize/picture.png")).unwrap();
    let views = golden["views"].as_object().unwrap();
    assert!(views.len() >= 6);
    for (text, file) in views {
        let seen = spec(text).view(&picture).unwrap();
        let golden = NpyArray::open(&fixture("picture").join(file.as_str().unwrap())).unwrap();
        let apart = levels_apart(&seen, &golden);
        assert!(apart == 0.0, "{text}: {apart} levels");
    }
}

#[test]
fn presets_give_the_numbers_of_keras_and_torchvision() {
    let picture = load_picture(&fixture("picture/small.png")).unwrap();
    for (text, file) in [
        ("tf", "tf"),
        ("caffe", "caffe"),
        ("unit", "unit"),
        ("imagenet,resize=none", "imagenet"),
        ("raw,order=grey", "grey"),
    ] {
        let fed = spec(text).apply(&picture).unwrap();
        let golden = NpyArray::open(&fixture(&format!("picture/{file}.npy"))).unwrap();
        assert_eq!(golden.shape, [fed.channels, fed.height, fed.width], "{text}");
        let apart = fed.data.iter().zip(&golden.data).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max);
        assert!(apart <= 2e-5, "{text}: {apart}");
    }
}

#[test]
fn a_fed_picture_can_be_shown_again() {
    let picture = load_picture(&fixture("picture/small.png")).unwrap();
    for text in ["imagenet,resize=none", "tf", "caffe", "unit", "raw"] {
        let steps = spec(text);
        assert_eq!(steps.undo(&steps.apply(&picture).unwrap()), picture, "{text}");
    }
}

#[test]
fn channels_last_puts_the_channels_of_a_pixel_together() {
    let fed = InputTensor { channels: 2, height: 1, width: 3, data: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
    assert_eq!(fed.clone().into_layout(Layout::ChannelsFirst), fed.data);
    assert_eq!(fed.into_layout(Layout::ChannelsLast), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
}

#[test]
fn the_region_tells_what_part_of_the_picture_the_network_sees() {
    let geometry = Preprocessing::imagenet().geometry(1024, 512).unwrap();
    assert_eq!((geometry.resized, geometry.offset, geometry.fed), ((512, 256), (144, 16), (224, 224)));
    assert_eq!(geometry.region(), Region { x: 288.0, y: 32.0, width: 448.0, height: 448.0 });
    let squashed = spec("tf,resize=150x150").geometry(451, 300).unwrap();
    assert_eq!(squashed.region(), Region::whole(451, 300));
}

#[test]
fn a_network_of_fixed_size_squashes_a_picture_that_no_resize_was_asked_for() {
    let size = Some((148, 150));
    assert_eq!(Preprocessing::unit().fitted_to(size), spec("unit,resize=150×148"));
    assert_eq!(Preprocessing::imagenet().fitted_to(size), Preprocessing::imagenet());
    assert_eq!(Preprocessing::unit().fitted_to(None), Preprocessing::unit());
}

#[test]
fn tiny_pictures_work_and_ones_too_large_to_feed_say_what_to_do() {
    let dot = RgbImage::from_pixel(1, 1, Rgb([10, 20, 30]));
    let fed = Preprocessing::imagenet().apply(&dot).unwrap();
    assert_eq!((fed.channels, fed.height, fed.width), (3, 224, 224));
    assert_eq!(Preprocessing::raw().apply(&dot).unwrap().data, [10.0, 20.0, 30.0]);
    let large = Preprocessing::raw().geometry(12_000, 9_000).unwrap_err().to_string();
    assert!(large.contains("12000×9000") && large.contains("resize="), "{large}");
    assert!(Preprocessing::imagenet().geometry(12_000, 9_000).is_ok());
    assert!(Preprocessing::imagenet().geometry(1, 1_000_000).is_err(), "a needle would become 256×256,000,000");
}

#[test]
fn a_preset_takes_overrides() {
    assert_eq!(spec("TF, resize=150X150"), spec("tf,resize=150×150"));
    assert_eq!(
        spec("imagenet,resize=224x224"),
        spec("resize=224×224,mean=123.675:116.28:103.53,std=58.395:57.12:57.375")
    );
    assert_eq!(
        spec("imagenet,crop=192,resize=224").to_string(),
        "resize=224,crop=192,interpolation=bilinear,order=rgb,mean=123.675:116.28:103.53,std=58.395:57.12:57.375"
    );
    assert_eq!(spec("mean=127:127:127,std=128"), spec("raw,mean=127,std=128:128:128"));
    assert_eq!(spec("raw,order=gray"), spec("order=grey"));
}

#[test]
fn a_wrong_specification_gets_one_line_that_says_what_would_be_right() {
    for (text, parts) in [
        ("", vec!["empty", "imagenet", "resize"]),
        ("imagnet", vec!["`imagnet`", "did you mean imagenet?", "caffe"]),
        ("tf,caffe", vec!["`caffe` must come first"]),
        ("reszie=3", vec!["`reszie`", "did you mean resize?", "interpolation"]),
        ("resize=0", vec!["`resize=0`", "1 to 16384", "none"]),
        ("resize=99999", vec!["1 to 16384"]),
        ("crop=3x", vec!["`crop=3x`"]),
        ("interpolation=cubic", vec!["nearest, box, bilinear, bicubic or lanczos"]),
        ("order=rbg", vec!["rgb, bgr or grey"]),
        ("mean=a:b:c", vec!["mean takes", "127:127:127"]),
        ("mean=1:2", vec!["mean has 2 values", "3 channel"]),
        ("caffe,order=grey", vec!["mean has 3 values", "order=grey"]),
        ("std=0", vec!["std", "above 0"]),
        ("mean=nan", vec!["mean", "finite"]),
        ("std=1,std=2", vec!["`std` is given twice"]),
    ] {
        let said = message(text);
        assert!(!said.contains('\n'), "{said}");
        for part in parts {
            assert!(said.contains(part), "{text:?} → {said}");
        }
    }
}

/// Any preprocessing that a user could write.
fn written() -> impl Strategy<Value = String> {
    let size = prop_oneof![
        (1_u32..2000).prop_map(|n| n.to_string()),
        (1_u32..2000, 1_u32..2000).prop_map(|(w, h)| format!("{w}x{h}"))
    ];
    let values = |low: f32| {
        prop_oneof![
            (low..300.0_f32).prop_map(|v| v.to_string()),
            (low..300.0_f32, low..300.0_f32, low..300.0_f32).prop_map(|(a, b, c)| format!("{a}:{b}:{c}"))
        ]
    };
    let named = |key: &'static str, values: &'static [&'static str]| {
        proptest::option::of(proptest::sample::select(values).prop_map(move |value| format!("{key}={value}")))
    };
    (
        proptest::option::of(
            proptest::sample::select(&["imagenet", "tf", "caffe", "unit", "raw"][..]).prop_map(str::to_owned),
        ),
        proptest::option::of(size.clone().prop_map(|size| format!("resize={size}"))),
        proptest::option::of(size.prop_map(|size| format!("crop={size}"))),
        named("interpolation", &["nearest", "box", "bilinear", "bicubic", "lanczos"]),
        named("order", &["rgb", "bgr"]),
        proptest::option::of(values(-10.0).prop_map(|values| format!("mean={values}"))),
        values(0.01).prop_map(|values| Some(format!("std={values}"))),
    )
        .prop_map(|(preset, resize, crop, interpolation, order, mean, std)| {
            [preset, resize, crop, interpolation, order, mean, std].into_iter().flatten().collect::<Vec<_>>().join(",")
        })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same(text in written()) {
        let steps = spec(&text);
        prop_assert_eq!(spec(&steps.to_string()), steps);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}", value in "[-0-9:.x×a-z]{0,12}", key in "resize|crop|order|mean|std|interpolation") {
        let _ = text.parse::<Preprocessing>();
        let _ = format!("{key}={value}").parse::<Preprocessing>();
    }
}
