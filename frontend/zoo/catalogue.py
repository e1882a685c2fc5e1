"""What the zoo holds: each network's name, what it is exactly, and the function that builds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Network:
    """One network of the zoo.

    Attributes:
        description: variant, input size and source, in one line.
        module: of `builders`, that holds the builder.
        function: the builder's name, it takes nothing and returns an ONNX model.
    """

    description: str
    module: str
    function: str


CATALOGUE: Final[dict[str, Network]] = {
    "resnet9": Network(
        "ResNet-9 of Page's DAWNBench entry, 64 to 512 channels, 3x32x32, 10 classes",
        "resnet",
        "resnet9",
    ),
    "resnet18": Network("ResNet-18, 3x224x224, 1000 classes", "resnet", "resnet18"),
    "resnet50": Network(
        "ResNet-50 v1.5 (stride in the 3x3 convolutions), 3x224x224, 1000 classes",
        "resnet",
        "resnet50",
    ),
    "alexnet": Network(
        "AlexNet of 2012 in two groups, response normalisation, 3x227x227, 1000 classes",
        "alexnet",
        "alexnet",
    ),
    "alexnet-convolutions": Network(
        "AlexNet's five convolutions in two halves, each of an input of its own",
        "alexnet",
        "alexnet_convolutions",
    ),
    "vgg16": Network(
        "VGG-16, configuration D without batch norm, 3x224x224, 1000 classes", "vgg", "vgg16"
    ),
    "mobilenetv2": Network("MobileNetV2 1.0, 3x224x224, 1000 classes", "mobile", "mobilenetv2"),
    "mobilenetv3-large": Network(
        "MobileNetV3-Large 1.0, squeeze-and-excitation and hard swish, 3x224x224, 1000 classes",
        "mobile",
        "mobilenetv3_large",
    ),
    "efficientnet-b0": Network(
        "EfficientNet-B0, squeeze-and-excitation and swish, 3x224x224, 1000 classes",
        "mobile",
        "efficientnet_b0",
    ),
    "unet": Network(
        "U-Net of 2015, unpadded, 1x572x572 to 2x388x388, transposed convolutions", "dense", "unet"
    ),
    "fpn-detector": Network(
        "RetinaNet on ResNet-18 with a five-level feature pyramid, 3x640x640, 80 classes",
        "dense",
        "fpn_detector",
    ),
    "bert-base": Network(
        "BERT-base uncased with pooler, 12 layers, 128 tokens", "encoder", "bert_base"
    ),
    "vit-b16": Network("ViT-B/16, 12 layers, 3x224x224, 1000 classes", "encoder", "vit_b16"),
    "llama-decoder-prefill": Network(
        "one decoder block of Llama 3 8B (grouped-query attention), prompt of 512 tokens",
        "llama",
        "prefill",
    ),
    "llama-decoder-decode": Network(
        "one decoder block of Llama 3 8B, one token after 511 in the key-value cache",
        "llama",
        "decode",
    ),
    "lstm": Network(
        "LSTM language model: 2 layers of 650, 35 steps, 10,000 words", "recurrent", "lstm"
    ),
    "gru": Network(
        "GRU language model: 2 layers of 650, 35 steps, 10,000 words", "recurrent", "gru"
    ),
}
