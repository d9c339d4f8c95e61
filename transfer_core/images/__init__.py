"""Decode untrusted image bytes, and transform images to network input. No labels here."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["colours", "decoding", "remote", "transform"],
    submod_attrs={
        "decoding": ["IMAGE_EXTENSIONS", "ImageInfo", "decode_image"],
        "limits": ["ImageLimits", "read_limits"],
        "outside": [
            "CleanImage",
            "ImageCleaner",
            "clean_image",
            "clean_images",
            "prepare_image",
            "shrink_image",
        ],
        "remote": ["fetch_image"],
        "stripping": ["find_endings"],
        "transform": ["Interpolation", "Transform", "apply_transform"],
    },
)
