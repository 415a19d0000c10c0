"""SAS-MRAM: a Rep-Net that learns in INT8 beside a frozen backbone, on bit-serial arrays of MRAM."""
