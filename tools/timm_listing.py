"""Write `transfer_core/networks/timm.json`: names of timm's networks, and a dozen described.

python -m tools.timm_listing
"""

import json

import timm

from transfer_core.networks import TIMM_CATALOG_FILE, describe_tag

LISTED = {  # title and top-1 accuracy on ImageNet as timm publishes it, by tag; smallest first
    "mobilenetv3_small_100.lamb_in1k": ("MobileNetV3 Small (timm)", 0.676),
    "mobilenetv4_conv_small.e2400_r224_in1k": ("MobileNetV4 Small (timm)", 0.738),
    "efficientnet_lite0.ra_in1k": ("EfficientNet-Lite0 (timm)", 0.755),
    "hgnetv2_b0.ssld_stage2_ft_in1k": ("HGNetV2 B0 (timm)", 0.774),
    "mobilenetv3_large_100.miil_in21k_ft_in1k": ("MobileNetV3 Large (timm)", 0.779),
    "efficientnet_b0.ra4_e3600_r224_in1k": ("EfficientNet B0 (timm)", 0.786),
    "repvit_m0_9.dist_450e_in1k": ("RepViT M0.9 (timm)", 0.791),
    "resnet18d.ra4_e3600_r224_in1k": ("ResNet 18-D (timm)", 0.744),
    "edgenext_small.usi_in1k": ("EdgeNeXt Small (timm)", 0.811),
    "tiny_vit_5m_224.dist_in22k_ft_in1k": ("TinyViT 5M (timm)", 0.809),
    "convnext_nano.in12k_ft_in1k": ("ConvNeXt Nano (timm)", 0.823),
    "vit_small_patch14_reg4_dinov2.lvd142m": ("DINOv2 Small (timm)", None),
}


def build_catalog() -> dict:
    """Return the content of `timm.json` for the installed timm."""
    tags = [tag for tag in timm.list_pretrained() if timm.get_pretrained_cfg(tag).hf_hub_id]
    return {"tags": tags, "networks": [build_entry(tag) for tag in LISTED]}


def build_entry(tag: str) -> dict:
    """Return the entry of one network."""
    title, accuracy = LISTED[tag]
    values = describe_tag(tag)
    if accuracy is not None:
        values["card"]["accuracy"] = accuracy
    return values | {"title": title}


if __name__ == "__main__":
    text = json.dumps(build_catalog(), ensure_ascii=False)
    TIMM_CATALOG_FILE.write_text(
        text.replace('{"name": "timm.', '\n{"name": "timm.') + "\n", "utf-8"
    )
