"""Which architectures layerscope knows, how each is made, and what its published weights were trained on."""

import fnmatch
import math
from dataclasses import dataclass
from typing import Callable

import small

#: Variants with the tensors of a network that is far more common: taken where they are named, by the user or the file.
NAMED_ONLY = {"resnetaa50", "resnetblur50", "mobilenetv4_conv_aa_large"}

#: With its published weights torchvision's networks of these names first turn ImageNet's mean and deviation into 0.5 and 0.5.
#: The graph has no such step; its input is normalised so at once.
TO_A_HALF = {"googlenet", "inception_v3"}

#: timm's architectures: convolutional networks first, which take any height and width.
TIMM_ANY_SIZE = """
resnet18 resnet34 resnet50 resnet101 resnet152 resnet26 resnet10t resnet14t resnet18d resnet26d resnet34d resnet50d
resnet101d resnet152d resnet26t resnet50t resnet50c resnet50s resnet200d resnext50_32x4d resnext50d_32x4d
resnext101_32x4d resnext101_32x8d resnext101_32x16d resnext101_64x4d seresnet18 seresnet34 seresnet50 seresnet101
seresnet152d seresnext50_32x4d seresnext26d_32x4d seresnext26t_32x4d seresnext101_32x4d seresnext101_32x8d
legacy_seresnet18 legacy_seresnet34 legacy_seresnet50 legacy_seresnet101 legacy_seresnext50_32x4d
legacy_seresnext101_32x4d senet154 ecaresnet50d ecaresnet26t ecaresnet50t ecaresnet101d ecaresnetlight skresnet18
skresnet34 skresnext50_32x4d resnest14d resnest26d resnest50d resnest101e resnest50d_1s4x24d resnest50d_4s2x40d
wide_resnet50_2 wide_resnet101_2 resnet50_gn resnetaa50 resnetblur50 resnetrs50 resnetrs101 resnetrs152 resnetv2_50
resnetv2_50d resnetv2_50x1_bit resnetv2_101x1_bit resnetv2_50x3_bit resnetv2_101 res2net50_26w_4s res2net50_14w_8s
res2net101_26w_4s res2next50 gcresnet50t convnext_atto convnext_femto convnext_pico convnext_nano convnext_tiny
convnext_small convnext_base convnext_large convnext_xlarge convnext_tiny_hnf convnext_nano_ols convnextv2_atto
convnextv2_femto convnextv2_pico convnextv2_nano convnextv2_tiny convnextv2_base convnextv2_large efficientnet_b0
efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 tf_efficientnet_b0 tf_efficientnet_b1
tf_efficientnet_b2 tf_efficientnet_b3 tf_efficientnet_b4 tf_efficientnet_b5 tf_efficientnet_b6 tf_efficientnet_b7
tf_efficientnetv2_b0 tf_efficientnetv2_b1 tf_efficientnetv2_b2 tf_efficientnetv2_b3 tf_efficientnetv2_s
tf_efficientnetv2_m tf_efficientnetv2_l efficientnetv2_rw_t efficientnetv2_rw_s efficientnetv2_rw_m efficientnet_lite0
tf_efficientnet_lite0 tf_efficientnet_lite1 tf_efficientnet_lite2 tf_efficientnet_lite3 tf_efficientnet_lite4
efficientnet_es efficientnet_em efficientnet_el mobilenetv2_050 mobilenetv2_100 mobilenetv2_110d mobilenetv2_120d
mobilenetv2_140 mobilenetv1_100 mobilenetv3_large_100 mobilenetv3_rw mobilenetv3_small_050 mobilenetv3_small_075
mobilenetv3_small_100 tf_mobilenetv3_large_100 tf_mobilenetv3_small_100 mobilenetv4_conv_small mobilenetv4_conv_medium
mobilenetv4_conv_large mobilenetv4_conv_aa_large mnasnet_100 mnasnet_small semnasnet_075 semnasnet_100 mixnet_s mixnet_m
mixnet_l fbnetc_100 spnasnet_100 lcnet_050 lcnet_075 lcnet_100 tinynet_a tinynet_b ghostnet_100 regnetx_002 regnetx_004
regnetx_008 regnetx_016 regnetx_032 regnety_002 regnety_004 regnety_008 regnety_016 regnety_032 regnety_040 regnety_160
nfnet_l0 eca_nfnet_l0 dm_nfnet_f0 nf_resnet50 densenet121 densenet161 densenet169 densenet201 inception_v3 inception_v4
inception_resnet_v2 xception41 xception65 legacy_xception vgg11 vgg16 vgg16_bn vgg19 vgg19_bn dpn68 dpn92 hrnet_w18
hrnet_w18_small repvgg_a0 repvgg_a2 repvgg_b0 repvgg_b1 mobileone_s0 poolformer_s12 poolformer_s24 poolformerv2_s12
caformer_s18 convformer_s18 fastvit_t8 fastvit_sa12 edgenext_xx_small edgenext_small mobilevit_xxs mobilevit_xs
mobilevit_s mobilevitv2_100 test_resnet test_convnext test_efficientnet
"""

#: timm's architectures that are built for one size.
TIMM_ONE_SIZE = """
vit_tiny_patch16_224 vit_small_patch16_224 vit_base_patch16_224 vit_large_patch16_224 vit_small_patch32_224
vit_base_patch32_224 vit_small_patch8_224 vit_base_patch8_224 vit_small_patch16_384 vit_base_patch16_384
vit_base_patch16_clip_224 vit_base_patch32_clip_224 vit_large_patch14_clip_224 vit_base_patch16_clip_quickgelu_224
vit_base_patch32_clip_quickgelu_224 deit_tiny_patch16_224 deit_small_patch16_224 deit_base_patch16_224
deit_tiny_distilled_patch16_224 deit_small_distilled_patch16_224 deit_base_distilled_patch16_224 deit3_small_patch16_224
deit3_medium_patch16_224 deit3_base_patch16_224 deit3_large_patch16_224 vit_small_patch14_dinov2 vit_base_patch14_dinov2
vit_large_patch14_dinov2 vit_small_patch14_reg4_dinov2 vit_base_patch14_reg4_dinov2 vit_small_patch16_dinov3
vit_base_patch16_dinov3 swin_tiny_patch4_window7_224 swin_small_patch4_window7_224 swin_base_patch4_window7_224
swin_large_patch4_window7_224 swinv2_tiny_window8_256 swinv2_small_window8_256 swinv2_base_window8_256
beit_base_patch16_224 beit_large_patch16_224 beitv2_base_patch16_224 eva02_tiny_patch14_224 eva02_small_patch14_224
eva02_base_patch14_224 eva02_tiny_patch14_336 maxvit_nano_rw_256 maxvit_tiny_tf_224 coatnet_nano_rw_224 coatnet_0_rw_224
levit_128s levit_256 levit_384 pit_ti_224 pit_s_224 pit_b_224 cait_xxs24_224 cait_s24_224 mixer_s16_224 mixer_b16_224
gmlp_s16_224 resmlp_12_224 resmlp_24_224 test_vit
"""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


@dataclass
class Architecture:
    """One architecture: `make(num_classes=N)` builds it, `classes` is the class count of its published weights."""

    source: str
    name: str
    make: Callable
    input: tuple
    preprocessing: str
    labels: str | None
    any_size: bool
    classes: int = 1000
    named_only: bool = False

    @property
    def key(self):
        return f"{self.source}/{self.name}"


def number(value):
    """On the scale of 0 to 255, as short as float32 tells apart."""
    return f"{value * 255:.6g}"


def specification(size, mean, std, resize=None, interpolation="bilinear", order=None, squash=False):
    """What layerscope's --preprocess takes."""
    parts = []
    if squash:
        parts.append(f"resize={size[1]}x{size[0]}")
    elif resize is not None:
        parts += [f"resize={resize}", f"crop={size[1]}" if size[0] == size[1] else f"crop={size[1]}x{size[0]}"]
    parts.append(f"interpolation={interpolation}")
    if order:
        parts.append(f"order={order}")
    collapse = lambda values: ":".join(number(value) for value in (values[:1] if len(set(values)) == 1 else values))
    return ",".join(parts + [f"mean={collapse(mean)}", f"std={collapse(std)}"])


#: torchvision's published weights for larger pictures: the position embedding is another, and so is the architecture.
LARGER = {("vit_b_16", 384), ("vit_l_16", 512), ("vit_h_14", 518)}


def of_torchvision():
    import torchvision.models as models

    for name in models.list_models(module=models):
        weights = models.get_model_weights(name)
        # The sizes that a vision transformer is published for are several architectures; otherwise the newest weights count.
        published = {it.transforms().crop_size[0]: it for it in weights} if name.startswith("vit_") else {}
        for size, best in published.items() or [(None, weights.DEFAULT)]:
            transforms = best.transforms()
            crop = transforms.crop_size[0]
            larger = {"image_size": size} if (name, size) in LARGER else {}
            yield Architecture(
                source="torchvision",
                name=f"{name}_{size}" if larger else name,
                make=lambda name=name, larger=larger, **options: models.get_model(
                    name, weights=None, **quiet(name), **larger, **options
                ),
                input=(3, crop, crop),
                preprocessing=specification(
                    (crop, crop),
                    (0.5,) if name in TO_A_HALF else transforms.mean,
                    (0.5,) if name in TO_A_HALF else transforms.std,
                    transforms.resize_size[0],
                    transforms.interpolation.value,
                ),
                labels="imagenet",
                any_size=not name.startswith(("swin", "vit_", "maxvit")),
            )


def quiet(name):
    """Only silences a warning about a default of the two Inception networks."""
    return {"init_weights": False} if name in ("googlenet", "inception_v3") else {}


def of_efficientnet_lite():
    from efficientnet_lite_pytorch import EfficientNet

    for index, size in enumerate((224, 240, 260, 280, 300)):
        yield Architecture(
            source="efficientnet-lite-pytorch",
            name=f"efficientnet-lite{index}",
            make=lambda index=index, num_classes=1000: EfficientNet.from_name(
                f"efficientnet-lite{index}", num_classes=num_classes
            ),
            input=(3, size, size),
            preprocessing=specification((size, size), (127 / 255,), (128 / 255,), size + 32, "bicubic"),
            labels="imagenet",
            any_size=False,
        )


def of_small_networks():
    def cifar(source, name, make, mean=CIFAR_MEAN, std=CIFAR_STD, any_size=True):
        return Architecture(
            source, name, make, (3, 32, 32), specification((32, 32), mean, std, squash=True), "cifar10", any_size, 10
        )

    for depth in (20, 32, 44, 56, 110):
        make = small.thin(depth, "shortcut", False, "linear")
        yield cifar("cifar", f"cifar_resnet{depth}", make, IMAGENET_MEAN, IMAGENET_STD)
    for depth in (20, 32, 44, 56, 110):
        yield cifar("cifar", f"cifar_resnet{depth}_projection", small.thin(depth, "downsample", True, "fc"))
    for name, block, depths in (
        ("cifar_wide_stage_resnet18", small.Block, (2, 2, 2, 2)),
        ("cifar_wide_stage_resnet34", small.Block, (3, 4, 6, 3)),
        ("cifar_wide_stage_resnet50", small.Bottleneck, (3, 4, 6, 3)),
        ("cifar_wide_stage_resnet101", small.Bottleneck, (3, 4, 23, 3)),
    ):
        yield cifar("cifar", name, small.wide(block, depths))
    yield cifar("examples", "cifar_tutorial", small.CifarTutorial, (0.5,), (0.5,), any_size=False)
    mnist = specification((28, 28), (0.1307,), (0.3081,), order="grey", squash=True)
    yield Architecture("examples", "mnist_example", small.MnistExample, (1, 28, 28), mnist, "digits", False, 10)


def of_timm():
    import timm

    for names, any_size in ((TIMM_ANY_SIZE, True), (TIMM_ONE_SIZE, False)):
        for name in names.split():
            config = timm.get_pretrained_cfg(name)
            if config is None:
                raise SystemExit(f"timm has no {name}")
            size = config.input_size[1:]
            resize = math.floor(size[0] / config.crop_pct)
            squash = config.crop_mode == "squash"
            yield Architecture(
                source="timm",
                name=name,
                make=lambda name=name, **options: timm.create_model(name, pretrained=False, **options),
                input=tuple(config.input_size),
                preprocessing=specification(
                    size, config.mean, config.std, resize, config.interpolation.replace("random", "bicubic"), squash=squash
                ),
                labels="imagenet" if config.num_classes == 1000 else None,
                # TensorFlow's padding depends on the size: an export for any takes minutes.
                any_size=any_size and not config.fixed_input_size and not name.startswith("tf_"),
                # A backbone without a head gets one: layerscope cuts it off again where a checkpoint has none.
                classes=config.num_classes or 1000,
                named_only=name in NAMED_ONLY,
            )


def catalogue(only="*"):
    """All of them, the preferred ones first, of those whose key matches `only`."""
    for source in (of_torchvision, of_efficientnet_lite, of_small_networks, of_timm):
        yield from (it for it in source() if any(fnmatch.fnmatch(it.key, pattern) for pattern in only.split(",")))
