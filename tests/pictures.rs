//! Pictures and maps: opening what the user names, drawing maps as the book does, saving what is shown.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use layerscope::model::preprocess::Region;
use layerscope::picture::indexed::{BACKGROUND, LEVELS, MIDDLE, NOT_FINITE, NOT_FINITE_COLOR};
use layerscope::picture::load::load_picture;
use layerscope::picture::overlay::heat;
use layerscope::picture::{
    Blend, ColorMap, Grid, Histogram, IndexMap, IndexedImage, Input, Loaded, Overlay, Range, Scale, channel_grid,
    picture_grid, save_indexed, save_picture,
};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/picture").join(name)
}

fn golden() -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture("golden.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|number| number as f32).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    numbers(value).into_iter().map(|number| number as u8).collect()
}

fn said<T>(result: Result<T, impl std::fmt::Display>) -> String {
    let message = result.err().expect("it should have failed").to_string();
    assert!(!message.contains('\n'), "more than one line: {message}");
    message
}

mod opening {
    use super::*;

    #[test]
    fn pictures_of_every_kind_look_as_in_pillow() {
        for (name, expected) in golden()["pictures"].as_object().unwrap() {
            assert_eq!(load_picture(&fixture(name)).unwrap().into_raw(), bytes(expected), "{name}");
        }
    }

    #[test]
    fn photographs_stand_upright() {
        for (name, expected) in golden()["turned"].as_object().unwrap() {
            let picture = load_picture(&fixture(name)).unwrap();
            let size = numbers(&expected["size"]);
            assert_eq!([f64::from(picture.width()), f64::from(picture.height())].as_slice(), size, "{name}");
            assert_eq!(picture.into_raw(), bytes(&expected["rgb"]), "{name}");
        }
    }

    #[test]
    fn a_folder_stands_for_its_pictures_and_arrays_in_natural_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cat10.png", "cat9.JPG", "Cat1.png", "array.npy", "notes.txt", ".hidden.png"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(folder.path().join("more.png")).unwrap();
        let inputs = Input::resolve([folder.path()]).unwrap();
        let names: Vec<String> = inputs.iter().map(Input::name).collect();
        assert_eq!(names, ["array.npy", "Cat1.png", "cat9.JPG", "cat10.png"]);
        assert!(matches!(inputs[0], Input::Array(_)) && matches!(inputs[1], Input::Picture(_)));
    }

    #[test]
    fn what_cannot_be_opened_gets_one_line_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let picture = std::fs::read(fixture("small.png")).unwrap();
        let open = |path: &Path| Input::resolve([path]).and_then(|inputs| inputs[0].load());

        assert!(said(open(&folder.path().join("nowhere.png"))).contains("nowhere.png: no such file"));
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        assert!(said(open(&empty)).contains("empty: no pictures in this folder"));
        assert!(said(open(&file("nothing.png", b""))).contains("nothing.png: the file is empty"));
        assert!(said(open(&file("nothing.npy", b""))).contains("nothing.npy: the file is empty"));
        assert!(said(open(&file("text.png", b"hello\n"))).contains("text.png: not a picture but a text file"));
        assert!(said(open(&file("zip.png", b"PK\x03\x04\x14\0"))).contains("but a zip archive"));
        assert!(said(open(&file("cut.png", &picture[..picture.len() / 2]))).contains("cut.png: a damaged picture"));
        assert!(said(open(&file("text.npy", b"hello\n"))).contains("text.npy: not a .npy array"));
        let evil = said(open(&file("a\x1b[31mb.png", b"hello")));
        assert!(!evil.contains('\x1b'), "a file name steers the terminal: {evil:?}");
    }

    #[test]
    fn a_picture_under_another_formats_name_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.jpg");
        std::fs::copy(fixture("small.png"), &path).unwrap();
        assert_eq!(load_picture(&path).unwrap(), load_picture(&fixture("small.png")).unwrap());
    }

    #[test]
    fn a_picture_too_large_for_memory_is_refused_before_it_is_decoded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge.png");
        let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 60_000, 60_000);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_chunk(png::chunk::IDAT, &[0x78, 0x9c]).unwrap();
        let message = said(load_picture(&path));
        assert!(message.contains("huge.png") && message.contains("60000×60000"), "{message}");
    }

    #[test]
    fn arrays_of_every_type_and_order_are_read_as_numpy_reads_them() {
        let golden = golden();
        let arrays = golden["arrays"].as_object().unwrap();
        assert!(arrays.len() >= 25);
        for (name, expected) in arrays {
            let Loaded::Array(array) = Input::resolve([fixture(name)]).unwrap()[0].load().unwrap() else {
                panic!("{name} is no array")
            };
            assert_eq!(array.data, floats(expected), "{name}");
            assert_eq!(array.shape, if name.starts_with("tiny") { vec![4] } else { vec![2, 2, 4] }, "{name}");
        }
    }
}

mod drawing {
    use super::*;

    #[test]
    fn colour_maps_are_those_of_matplotlib_and_opencv() {
        let golden = golden();
        let levels = bytes(&golden["colors"]["levels"]);
        for (name, colours) in golden["colors"]["maps"].as_object().unwrap() {
            let lut = name.parse::<ColorMap>().unwrap().lut();
            for (level, expected) in levels.iter().zip(colours.as_array().unwrap()) {
                for (ours, theirs) in lut[usize::from(*level)].iter().zip(bytes(expected)) {
                    assert!(ours.abs_diff(theirs) <= 4, "{name} at {level}: {ours} for {theirs}");
                }
            }
        }
        for (ours, theirs) in ColorMap::Jet.lut().iter().zip(golden["colors"]["jet"].as_array().unwrap()) {
            assert!(
                ours.iter().zip(bytes(theirs)).all(|(ours, theirs)| ours.abs_diff(theirs) <= 1),
                "{ours:?} {theirs}"
            );
        }
    }

    #[test]
    fn names_of_colour_maps_and_scales_are_forgiving_and_unknown_ones_get_suggestions() {
        for map in ColorMap::ALL {
            assert_eq!(map.name().to_uppercase().parse::<ColorMap>().unwrap(), map);
        }
        for scale in Scale::ALL {
            assert_eq!(scale.name().parse::<Scale>().unwrap(), scale);
        }
        assert_eq!("gray".parse::<ColorMap>().unwrap(), ColorMap::Grey);
        assert!(said("virdis".parse::<ColorMap>()).contains("did you mean viridis"));
        assert!(said("minmax".parse::<Scale>()).contains("did you mean min-max"));
    }

    #[test]
    fn the_default_scale_is_the_books() {
        let golden = &golden()["scale"];
        let channel = floats(&golden["channel"]);
        let map = Scale::PerChannel.apply(&channel, 8, Range::of(&channel).unwrap());
        assert_eq!((map.width, map.height), (8, 6));
        for (level, book) in map.indices.iter().zip(bytes(&golden["book"])) {
            let ours = f64::from(*level) * 255.0 / f64::from(LEVELS - 1);
            assert!((ours - f64::from(book)).abs() <= 1.6, "{ours} for the book's {book}");
        }
    }

    #[test]
    fn a_dead_channel_is_dark_and_a_constant_one_is_in_the_middle() {
        let layer = Range { min: 0.0, max: 3.0 };
        assert_eq!(Scale::PerChannel.apply(&[0.0; 4], 2, layer).indices, [0; 4]);
        let constant = Scale::PerChannel.apply(&[3.0; 4], 2, layer).indices;
        assert!(constant.iter().all(|level| level.abs_diff(MIDDLE) <= 1), "{constant:?}");
    }

    #[test]
    fn other_scales_span_the_channel_the_layer_or_both_sides_of_zero() {
        let layer = Range { min: -4.0, max: 8.0 };
        let top = LEVELS - 1;
        assert_eq!(Scale::MinMax.apply(&[1.0, 2.0, 3.0], 3, layer).indices, [0, top / 2, top]);
        assert_eq!(Scale::Layer.apply(&[-4.0, 2.0, 8.0], 3, layer).indices, [0, top / 2, top]);
        assert_eq!(Scale::Signed.apply(&[-8.0, 0.0, 8.0], 3, layer).indices, [0, MIDDLE, top]);
        assert_eq!(Scale::Signed.text(layer), "zero in the middle: −8.00 to 8.00");
        assert_eq!(Scale::Layer.text(layer), "whole layer: -4.00 to 8.00");
    }

    #[test]
    fn nan_and_infinity_are_seen_and_do_not_disturb_the_rest() {
        let channel = [f32::NAN, 1.0, f32::INFINITY, 2.0];
        for scale in Scale::ALL {
            let indices = scale.apply(&channel, 2, Range { min: 1.0, max: 2.0 }).indices;
            assert_eq!((indices[0], indices[2]), (NOT_FINITE, NOT_FINITE), "{}", scale.name());
            assert!(indices[1] < LEVELS && indices[3] < LEVELS && indices[1] <= indices[3]);
        }
        let map = Scale::MinMax.apply(&channel, 2, Range { min: 1.0, max: 2.0 });
        assert!(map.resized(1, 1).indices == [NOT_FINITE], "a shrunken map must not lose a NaN");
        let drawn = IndexedImage::of(map, ColorMap::Viridis, [0; 3]).to_rgb();
        assert_eq!(drawn.get_pixel(0, 0).0, NOT_FINITE_COLOR);
    }

    #[test]
    fn channels_stand_sixteen_in_a_row_one_pixel_apart() {
        let tile = |level: u8| IndexMap { width: 2, height: 2, indices: vec![level; 4] };
        let tiles: Vec<IndexMap> = (0..18).map(tile).collect();
        let grid = Grid::of_channels((2, 2));
        let picture = channel_grid(&tiles, &grid, ColorMap::Grey, [1, 2, 3]);
        assert_eq!((picture.width, picture.height), (16 * 3 - 1, 2 * 3 - 1));
        let at = |x: usize, y: usize| picture.indices[y * picture.width + x];
        assert_eq!((at(0, 0), at(1, 1), at(2, 0), at(3, 0)), (0, 0, BACKGROUND, 1));
        assert_eq!((at(0, 2), at(0, 3), at(4, 4), at(6, 3)), (BACKGROUND, 16, 17, BACKGROUND));
        assert_eq!(picture.to_rgb().get_pixel(2, 0).0, [1, 2, 3]);
        for (x, y) in [(0, 0), (4, 4), (2, 0), (6, 3)] {
            let tile = grid.tile_at(x, y, 18);
            assert_eq!(tile.map_or(BACKGROUND, |tile| tile as u8), at(x, y), "({x}, {y})");
        }
    }

    #[test]
    fn tiles_grow_by_whole_multiples_and_shrink_to_fit() {
        assert_eq!(Grid::fitted((7, 5), 16, 1, 16 * 14 + 15).cell, (14, 10));
        assert_eq!(Grid::fitted((7, 5), 16, 1, 16 * 13 + 15).cell, (7, 5));
        assert_eq!(Grid::fitted((112, 112), 16, 1, 335).cell, (20, 20));
        let map = IndexMap { width: 2, height: 1, indices: vec![10, 20] };
        assert_eq!(map.resized(4, 2).indices, [10, 10, 20, 20, 10, 10, 20, 20]);
        assert_eq!(map.resized(1, 1).indices, [15]);
    }

    #[test]
    fn patterns_stand_eight_in_a_row_five_pixels_apart() {
        let pictures: Vec<RgbImage> = (0..64).map(|level| RgbImage::from_pixel(64, 64, Rgb([level; 3]))).collect();
        let grid = picture_grid(&pictures, &Grid::of_patterns((64, 64)), [0; 3]);
        assert_eq!(grid.dimensions(), (8 * 64 + 7 * 5, 8 * 64 + 7 * 5));
        assert_eq!(grid.get_pixel(69, 0).0, [1; 3]);
        assert_eq!(grid.get_pixel(66, 0).0, [0; 3]);
        assert_eq!(grid.get_pixel(546, 546).0, [63; 3]);
    }

    #[test]
    fn the_default_overlay_is_the_books() {
        let picture = load_picture(&fixture("../resize/picture.png")).unwrap();
        let expected = load_picture(&fixture("overlay.png")).unwrap();
        let map = floats(&golden()["heat"]);
        let drawn = Overlay::default().draw(&picture, &map, 4, Region::whole(picture.width(), picture.height()));
        let apart: Vec<u8> = drawn.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| a.abs_diff(*b)).collect();
        // A heat that falls between two of 256 levels may take either neighbour, 4 levels of jet apart, 2 after the blend.
        assert!(apart.iter().all(|apart| *apart <= 2), "{:?}", apart.iter().max());
        assert!(apart.iter().filter(|apart| **apart > 0).count() * 50 < apart.len());
    }

    #[test]
    fn a_heatmap_lies_over_what_the_network_saw_and_nothing_else() {
        let picture = RgbImage::from_pixel(10, 10, Rgb([100; 3]));
        let overlay = Overlay { colors: ColorMap::Grey, strength: 0.5, blend: Blend::Alpha };
        let region = Region { x: 4.0, y: 2.0, width: 4.0, height: 4.0 };
        let drawn = overlay.draw(&picture, &[1.0; 4], 2, region);
        assert_eq!(drawn.get_pixel(3, 3).0, [100; 3]);
        assert_eq!((drawn.get_pixel(4, 2).0, drawn.get_pixel(7, 5).0), ([178; 3], [178; 3]));
        assert_eq!(drawn.get_pixel(8, 5).0, [100; 3]);
    }

    #[test]
    fn heat_is_what_speaks_for_the_class_as_a_share_of_the_most() {
        assert_eq!(heat(&[-1.0, 2.0, f32::NAN, 4.0]), [0.0, 0.5, 0.0, 1.0]);
        assert_eq!(heat(&[-1.0, -2.0]), [0.0, 0.0]);
        assert_eq!(heat(&[f32::NAN]), [0.0]);
    }

    #[test]
    fn a_histogram_counts_as_numpy_does() {
        let golden = &golden()["scale"];
        let histogram = Histogram::of(&floats(&golden["histogram"]["values"]), 12);
        let counts: Vec<f64> = histogram.counts.iter().map(|count| *count as f64).collect();
        assert_eq!(counts, numbers(&golden["histogram"]["counts"]));
        assert_eq!(vec![histogram.min, histogram.max], floats(&golden["histogram"]["edges"]));
        let same = Histogram::of(&[3.0, f32::NAN, 3.0, 3.0], 4);
        assert_eq!(same.counts.iter().map(|count| *count as f64).collect::<Vec<_>>(), numbers(&golden["same"]));
        assert_eq!(same.not_finite, 1);
        assert_eq!(Histogram::of(&[f32::MIN, f32::MAX], 3).counts, [1, 0, 1]);
    }
}

mod saving {
    use super::*;
    use layerscope::picture::npy::{NpyArray, write_f32, write_u8};

    fn map() -> IndexedImage {
        let channel: Vec<f32> = (0..56 * 56).map(|value| (value % 97) as f32).collect();
        let map = Scale::MinMax.apply(&channel, 56, Range { min: 0.0, max: 96.0 });
        IndexedImage::of(map, ColorMap::Viridis, [0; 3])
    }

    #[test]
    fn a_map_is_saved_as_a_png_of_one_byte_per_pixel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.png");
        save_indexed(&path, &map()).unwrap();
        assert_eq!(load_picture(&path).unwrap(), map().to_rgb());
        let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&path).unwrap()));
        assert_eq!(decoder.read_info().unwrap().info().color_type, png::ColorType::Indexed);
        assert!(std::fs::metadata(&path).unwrap().len() < 5 << 10);
    }

    #[test]
    fn the_extension_chooses_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let picture = map().to_rgb();
        for name in ["a.png", "a.webp", "a.bmp", "a.TIFF"] {
            let path = folder.path().join(name);
            save_picture(&path, &picture).unwrap();
            assert_eq!(load_picture(&path).unwrap(), picture, "{name}");
        }
        for name in ["a.jpg", "a.jpeg", "a.gif"] {
            let path = folder.path().join(name);
            save_indexed(&path, &map()).unwrap();
            assert_eq!(load_picture(&path).unwrap().dimensions(), picture.dimensions(), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_saved_says_why_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let picture = map().to_rgb();
        assert!(said(save_picture(&folder.path().join("a.xyz"), &picture)).contains("not saved as .xyz; save as .png"));
        assert!(said(save_picture(&folder.path().join("a"), &picture)).contains("no extension"));
        let nowhere = said(save_picture(&folder.path().join("no/where.png"), &picture));
        assert!(nowhere.contains("where.png: there is no folder"), "{nowhere}");
        std::fs::create_dir(folder.path().join("b.png")).unwrap();
        assert!(said(save_picture(&folder.path().join("b.png"), &picture)).contains("it is a folder"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn saving_again_replaces_the_file_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        save_picture(&path, &RgbImage::new(3, 3)).unwrap();
        save_indexed(&path, &map()).unwrap();
        assert_eq!(load_picture(&path).unwrap(), map().to_rgb());
        let empty = IndexedImage { width: 0, height: 0, indices: Vec::new(), palette: map().palette };
        said(save_indexed(&path, &empty));
        assert_eq!(load_picture(&path).unwrap(), map().to_rgb(), "a failed save must leave the old picture");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn numbers_are_written_as_numpy_writes_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let original = NpyArray::open(&fixture("f4_C.npy")).unwrap();
        write_f32(&path, &original.shape, &original.data).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(fixture("f4_C.npy")).unwrap());
        write_u8(&path, &[3], &[1, 2, 255]).unwrap();
        assert_eq!(NpyArray::open(&path).unwrap(), NpyArray { shape: vec![3], data: vec![1.0, 2.0, 255.0] });
        write_f32(&path, &[], &[0.5]).unwrap();
        assert_eq!(NpyArray::open(&path).unwrap(), NpyArray { shape: vec![], data: vec![0.5] });
        assert!(said(write_f32(&path, &[2, 2], &[1.0])).contains("shape does not fit"));
    }
}

mod strangers {
    use super::*;
    use layerscope::picture::NpyArray;
    use proptest::prelude::*;

    fn npy(header: &str, payload: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(payload);
        bytes
    }

    fn header(descr: &str, order: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}")
    }

    #[test]
    fn a_shape_that_does_not_fit_the_file_is_refused_before_memory_is_taken() {
        let huge = npy(&header("<f4", "False", "(1000000, 1000000, 3)"), &[0; 16]);
        assert!(said(NpyArray::parse(&huge)).contains("needs 12000000000000 bytes, the file has 16"));
        let wrapping = npy(&header("<f8", "True", "(18446744073709551615, 18446744073709551615, 9)"), &[]);
        said(NpyArray::parse(&wrapping));
        let nothing = npy(&header("<f4", "True", "(18446744073709551615, 4, 0)"), &[]);
        assert!(NpyArray::parse(&nothing).unwrap().data.is_empty());
    }

    #[test]
    fn arrays_of_objects_and_words_are_refused() {
        for descr in ["|O", "<U4", "<c8", "<M8", "|S3", "<f9"] {
            let message = said(NpyArray::parse(&npy(&header(descr, "False", "(1,)"), &[0; 8])));
            assert!(message.contains(descr), "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_array_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = NpyArray::parse(&bytes);
            let _ = NpyArray::parse(&[b"\x93NUMPY\x01\x00".as_slice(), &bytes].concat());
        }

        #[test]
        fn any_header_is_an_array_or_an_error(
            descr in "[<>|=]?[fiubcO][0-9]{1,2}",
            order in "True|False|0",
            shape in "\\(?([0-9]{1,20},? ?){0,5}\\)?",
            payload in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let _ = NpyArray::parse(&npy(&header(&descr, &order, &shape), &payload));
        }

        #[test]
        fn any_bytes_are_a_picture_or_an_error(cut in 0_usize..400, flip in 0_usize..400, with: u8) {
            let folder = tempfile::tempdir().unwrap();
            for name in ["rgba.png", "lossless.webp", "palette.gif", "plain.bmp", "plain.tiff"] {
                let mut bytes = std::fs::read(fixture(name)).unwrap();
                bytes.truncate(bytes.len().saturating_sub(cut).max(1));
                let place = flip % bytes.len();
                bytes[place] ^= with;
                let path = folder.path().join(name);
                std::fs::write(&path, bytes).unwrap();
                let _ = load_picture(&path);
            }
        }
    }
}
