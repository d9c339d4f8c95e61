"""Interim."""

import numpy as np
import torch

from transfer_core.cases import HEAD_SETTINGS, MIN_WEIGHTED_IMBALANCE

STEPS = 100


def train_heads(features: np.ndarray, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Predicted class of every image by every head, (K, N)."""
    heads, images, classes = len(train), len(labels), int(labels.max()) + 1
    x = torch.from_numpy(np.ascontiguousarray(features, np.float32))
    mask = torch.from_numpy(train.astype(np.float32))
    count = mask.sum(1, keepdim=True).clamp(min=1)
    mean = mask @ x / count
    variance = (mask @ (x * x) / count - mean * mean).clamp(min=0)
    sd = (variance + 0.1 * variance.mean(1, keepdim=True) + 1e-12).sqrt()
    y = torch.from_numpy(labels)
    one_hot = torch.eye(classes)[y]
    counts = mask @ one_hot
    weights = count / (classes * counts.clamp(min=1))
    balanced = counts.max(1).values <= MIN_WEIGHTED_IMBALANCE * counts.min(1).values
    weights[balanced] = 1.0
    w = mask * weights[:, y]
    w = w / w.sum(1, keepdim=True).clamp(min=1e-9)
    weight = torch.zeros(heads, x.shape[1], classes, requires_grad=True)
    bias = torch.zeros(heads, classes, requires_grad=True)
    optimiser = torch.optim.AdamW(
        [
            {"params": [weight], "weight_decay": HEAD_SETTINGS.weight_decay},
            {"params": [bias], "weight_decay": 0},
        ],
        lr=HEAD_SETTINGS.learning_rate * 3,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, HEAD_SETTINGS.learning_rate * 3, total_steps=STEPS + 1, pct_start=0.1
    )

    def logits():
        scaled = weight / sd[:, :, None]
        flat = scaled.permute(1, 0, 2).reshape(x.shape[1], -1)
        shift = bias - torch.einsum("kd,kdc->kc", mean, scaled)
        return (x @ flat).reshape(images, heads, classes).transpose(0, 1) + shift[:, None]

    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            logits().reshape(-1, classes), y.repeat(heads), reduction="none"
        ).reshape(heads, images)
        (loss * w).sum().backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return logits().argmax(2).numpy()
