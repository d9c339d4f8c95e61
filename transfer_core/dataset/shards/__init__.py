"""Data sets of up to millions of images: files in tar shards at an address, written once.

    ADDRESS/shard-000000.tar ...   the images, in WebDataset's layout: 000000123.jpg and its class
    ADDRESS/rows.bin, paths.bin    the index: a row of fixed length for each image, and its path
    ADDRESS/shards.json            classes, counts, and a SHA-256 of every file beside; written last

An address is a folder or anything that fsspec reads and writes, such as s3://bucket/birds. To the
rest of the program such a set is a `DataSet` like any other. Three things differ:

- Its records are a `RecordTable`, mapped from the disk, that makes an `ImageRecord` when asked. So
  a million images take no memory, and labels and splits are columns of it.
- Its "packs" are shards (`Shards.open`): those of a folder are read where they lie, others are
  copied into this machine's cache by their hash as soon as much of one is read, compared with the
  hash, and removed from it when `TRANSFER_CACHE_GB` is full. A few images, such as the sample of
  Decide, are fetched alone.
- Training takes its images in the order of `shuffle_shards`: shards in random order, the images of
  a few neighbouring ones mixed. So few shards are needed at a time. The order is drawn from the
  run's generator, and so is the same every time.

Images are dealt to the shards at random when they are written: each shard is a sample of the whole.
Which part of the split an image belongs to follows from its content and a seed, without a look at
the others, so copies stay together. The index of each shard is kept under ADDRESS/parts until all
are written, so that writing goes on after an interruption where it was.

Only what `write_shards` wrote is to be opened: its images were checked and cleaned on the way in.
"""
